import type { Actor, CallRow } from '@flow-mcp/contracts';
import type { CallFactRow, CallsFilter } from '@flow-mcp/clickhouse';
import { RefusedError } from '@flow-mcp/kernel';
import { AuditController } from './audit.controller.js';
import type { Audit, People } from './parts.js';

const CALL = '018f2f6e-0000-7000-8000-000000000001';
const alice: Actor = { iss: 'https://id', sub: 'alice', groups: [], admin: false };
const root: Actor = { iss: 'https://id', sub: 'root', groups: ['admins'], admin: true };
const row = { flow: 'payments', callId: CALL } as CallRow;

const people: People = {
  verify: async (token) => {
    const person = [alice, root].find(({ sub }) => sub === token);
    if (person === undefined) throw new RefusedError('ERR_TOKEN_INVALID', 'Nobody.');
    return person;
  },
};

/** An audit trail that remembers what it was asked, and holds `facts` for the one call of alice. */
class OneCall implements Audit {
  readonly asked: CallsFilter[] = [];
  private readonly facts: CallFactRow[];

  constructor(payloads: readonly object[] = []) {
    this.facts = payloads.map((payload, i) => ({
      seq: i + 1,
      storedAtMs: 0,
      fact: 'x',
      payload: payload as CallFactRow['payload'],
    }));
  }

  calls(filter: CallsFilter): Promise<CallRow[]> {
    this.asked.push(filter);
    return Promise.resolve(filter.actor === undefined || filter.actor.sub === 'alice' ? [row] : []);
  }

  callFacts(): Promise<CallFactRow[]> {
    return Promise.resolve(this.facts);
  }
}

test('A1: everybody is asked for their own calls, admins for all', async () => {
  const audit = new OneCall();
  const controller = new AuditController(people, audit);
  await controller.calls({ token: 'alice', flow: 'payments', limit: 5 });
  await controller.calls({ token: 'root', person: 'alice' });
  expect(audit.asked).toEqual([
    { flow: 'payments', limit: 5, actor: { iss: 'https://id', sub: 'alice' } },
    { person: 'alice' },
  ]);
});

test('a token that is nobody’s sees nothing', async () => {
  const audit = new OneCall();
  const controller = new AuditController(people, audit);
  await expect(controller.calls({ token: 'x' })).rejects.toMatchObject({ code: 'ERR_TOKEN_INVALID' });
  await expect(controller.call({ token: 'x', callId: CALL })).rejects.toMatchObject({ code: 'ERR_TOKEN_INVALID' });
  expect(audit.asked).toEqual([]);
});

test('A1: a call that is not there, or not to be seen, is not found', async () => {
  const audit: Audit = { calls: () => Promise.resolve([]), callFacts: () => Promise.reject(new Error('not asked')) };
  const controller = new AuditController(people, audit);
  await expect(controller.call({ token: 'alice', callId: CALL })).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
});

test('A2: payloads that do not fit are left out, the largest first, and named by their size', async () => {
  const large = { text: 'x'.repeat(600_000) };
  const middle = { text: 'x'.repeat(300_000) };
  const controller = new AuditController(people, new OneCall([{ a: 1 }, large, middle]));
  const { facts } = await controller.call({ token: 'alice', callId: CALL });
  expect(facts.map(({ payload }) => payload)).toEqual([{ a: 1 }, { leftOutBytes: 600_011 }, middle]);
});
