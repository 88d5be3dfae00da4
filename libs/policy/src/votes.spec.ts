import fc from 'fast-check';
import { mayCreate, mayWriteServer, type Person } from './bindings.js';
import { mayVote, tally, type Vote } from './votes.js';

const person = (sub: string, ...groups: string[]): Person => ({ iss: 'i', sub, groups, admin: false });
const requester = person('alice', 'support');
const bob = person('bob', 'sre');
const erin = person('erin', 'sre');
const sre = { approvers: [{ groupName: 'sre' }], requesterMayDecide: true, approvals: 1 };

test('without approvers the requester decides, and nobody else, administrators included', () => {
  const hold = { approvers: [], requesterMayDecide: true, approvals: 1 };
  expect(mayVote(requester, requester, hold)).toBe(true);
  expect(mayVote({ ...bob, admin: true }, requester, hold)).toBe(false);
});

test('the same subject of another issuer is another person', () => {
  expect(
    mayVote({ ...requester, iss: 'j' }, requester, { approvers: [], requesterMayDecide: true, approvals: 1 }),
  ).toBe(false);
});

test('four eyes: the requester may not decide even as an approver', () => {
  const hold = { ...sre, approvers: [{ groupName: 'support' }], requesterMayDecide: false };
  expect(mayVote(requester, requester, hold)).toBe(false);
});

test('N of M counts distinct entitled people, and one decline declines', () => {
  const two = { ...sre, approvals: 2 };
  const accept = (voter: Person): Vote => ({ voter, vote: 'accept' });
  expect(tally([accept(bob), accept(bob), accept(requester)], requester, two)).toEqual({
    state: 'pending',
    accepted: 1,
  });
  expect(tally([accept(bob), accept(erin)], requester, two)).toEqual({ state: 'accepted', accepted: 2 });
  expect(tally([accept(bob), { voter: erin, vote: 'decline' }], requester, two).state).toBe('declined');
});

test('no order of votes changes what they amount to', () => {
  const votes = fc.array(
    fc.record({
      voter: fc.constantFrom(bob, erin, requester),
      vote: fc.constantFrom('accept' as const, 'decline' as const),
    }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(votes, fc.integer({ min: 1, max: 3 }), (cast, approvals) => {
      const hold = { ...sre, approvals };
      expect(tally([...cast].reverse(), requester, hold)).toEqual(tally(cast, requester, hold));
    }),
  );
});

test('no binding means administrators only, to write and to create', () => {
  expect(mayWriteServer(bob, { read: [], write: [] })).toMatchObject({ allowed: false, rule: { id: 'server.write' } });
  expect(mayCreate({ ...bob, admin: true }, [])).toMatchObject({ allowed: true, rule: { id: 'admin' } });
  expect(mayCreate(bob, ['sre']).allowed).toBe(true);
});
