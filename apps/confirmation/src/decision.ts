// What is decided about a held call, and who may know of it. Pure: no clock, no I/O.
//
//   D1. The decision depends on which facts are stored and on the time, never on the order in which they were seen:
//       cancelling comes before declining, declining before accepting, accepting before expiry. The cautious one wins
//       while nothing is decided; once `decided` is stored, nothing changes it.
//   D2. Only votes of entitled people, on this hold's digest, stored before it expired, count (libs/policy says who).
//   D3. Distinct people accept: as many as the hold asks for.

import type { Actor, Decided, Voted } from '@flow-mcp/contracts';
import type { EpochMs } from '@flow-mcp/kernel';
import { mayVote, samePerson, tally } from '@flow-mcp/policy';
import type { HeldCall } from './pending-calls.js';

/** The contract takes no more votes in one decision. */
const VOTES_MAX = 32;

/** What `decided` says, without its receipt. */
export type Decision = Pick<Decided, 'decision' | 'digest' | 'votes' | 'reason'>;

/** The decision that is due at `nowMs`, if one is. */
export function decisionOf(call: HeldCall, nowMs: EpochMs): Decision | undefined {
  const votes = call.votes.length === 0 ? [] : countedVotes(call);
  const decision = endOf(call, votes, nowMs);
  if (decision === undefined) return undefined;
  const reason = reasonOf(decision, call, votes);
  const { digest } = call.verdict.hold;
  return { decision, digest, votes: votes.slice(0, VOTES_MAX), ...(reason === undefined ? {} : { reason }) };
}

/** How many people's acceptances count so far. */
export function acceptedOf(call: HeldCall): number {
  return tally(countedVotes(call), call.verdict.actor, call.verdict.hold).accepted;
}

/** Whether the person may vote on the call. */
export function mayDecide(person: Actor, { verdict }: HeldCall): boolean {
  return mayVote(person, verdict.actor, verdict.hold);
}

/** Whether the person may know that the call is held: its requester, and whoever may decide it. */
export function maySee(person: Actor, call: HeldCall): boolean {
  return samePerson(person, call.verdict.actor) || mayDecide(person, call);
}

/** D1. */
function endOf(call: HeldCall, votes: readonly Voted[], nowMs: EpochMs): Decision['decision'] | undefined {
  const { actor, hold } = call.verdict;
  if (call.cancelled !== undefined) return 'cancelled';
  const { state } = tally(votes, actor, hold);
  if (state !== 'pending') return state;
  return nowMs >= hold.expiresAtMs || isProvedExpired(call) ? 'expired' : undefined;
}

/** A vote that was stored too late shows that it is too late, whatever our clock says. */
function isProvedExpired({ votes, verdict }: HeldCall): boolean {
  return votes.some(({ storedAtMs }) => storedAtMs >= verdict.hold.expiresAtMs);
}

/** D2; who declined comes first, so that no bound cuts off the vote that decided. */
function countedVotes(call: HeldCall): Voted[] {
  const { actor, hold } = call.verdict;
  const votes = call.votes
    .filter(({ storedAtMs, vote }) => storedAtMs < hold.expiresAtMs && vote.digest === hold.digest)
    .map(({ vote }) => vote)
    .filter(({ voter }) => mayVote(voter, actor, hold));
  return [...votes.filter(({ vote }) => vote === 'decline'), ...votes.filter(({ vote }) => vote === 'accept')];
}

const DECIDING_VOTE = { accepted: 'accept', declined: 'decline', cancelled: undefined, expired: undefined } as const;

function reasonOf(decision: Decision['decision'], call: HeldCall, votes: readonly Voted[]): string | undefined {
  if (decision === 'cancelled') return call.cancelled?.reason;
  return votes.find(({ vote, reason }) => vote === DECIDING_VOTE[decision] && reason !== undefined)?.reason;
}
