// Who may decide a held call, and what the votes so far amount to.

import { matches, samePerson, type Binding, type Person } from './bindings.js';

/** What a hold says about its deciders. */
export interface HoldRule {
  /** Empty: the requester decides. */
  readonly approvers: readonly Binding[];
  /** False: four eyes. */
  readonly requesterMayDecide: boolean;
  readonly approvals: number;
}

/** One person's vote. */
export interface Vote {
  readonly voter: Person;
  readonly vote: 'accept' | 'decline';
}

/** Whether `person` may vote on a call that `requester` asked for. Being an administrator makes nobody an approver. */
export function mayVote(person: Person, requester: Person, hold: HoldRule): boolean {
  const isRequester = samePerson(person, requester);
  if (isRequester && !hold.requesterMayDecide) return false;
  return hold.approvers.length === 0 ? isRequester : hold.approvers.some((binding) => matches(person, binding));
}

/** What the votes amount to: one decline declines; acceptances of distinct entitled people accept. */
export function tally(
  votes: readonly Vote[],
  requester: Person,
  hold: HoldRule,
): { state: 'pending' | 'accepted' | 'declined'; accepted: number } {
  const entitled = votes.filter(({ voter }) => mayVote(voter, requester, hold));
  if (entitled.some(({ vote }) => vote === 'decline')) return { state: 'declined', accepted: 0 };
  const distinct = entitled.filter(
    ({ voter }, at) => entitled.findIndex((other) => samePerson(other.voter, voter)) === at,
  );
  return { state: distinct.length >= hold.approvals ? 'accepted' : 'pending', accepted: distinct.length };
}
