// rpc `confirmation.decide`: one person's vote on a held call.
//
//   V1. What a person may neither see nor decide answers exactly like a call that does not exist.
//   V2. A vote is stored before it counts, and the broker allows each voter one. The same vote again goes on from
//       where the first one died; another vote is refused.
//   V3. Whatever decided the call, the answer is the decision that is stored.
//   V4. Once a vote is stored, the decision follows even if this process dies: every replica sees the vote, and
//       finishes what is due (see expiry.ts).

import {
  RPCS,
  type Actor,
  type Decided,
  type RpcAnswer,
  type RpcQuestion,
  type Voted,
  type decideRpc,
} from '@flow-mcp/contracts';
import { BrokerClock } from '@flow-mcp/messaging';
import { RefusedError } from '@flow-mcp/kernel';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { acceptedOf, decisionOf, mayDecide, maySee } from './decision.js';
import { HeldCalls } from './held-calls.js';
import type { HeldCall } from './pending-calls.js';
import { PEOPLE, type People } from './people.js';

type Request = RpcQuestion<typeof decideRpc>;
type Answer = RpcAnswer<typeof decideRpc>;

/** Authorization: the person's token, and the approvers that the verdict names. */
@Controller()
export class DecideController {
  private readonly people: People;
  private readonly calls: HeldCalls;
  private readonly clock: Pick<BrokerClock, 'nowMs'>;

  constructor(
    @Inject(PEOPLE) people: People,
    @Inject(HeldCalls) calls: HeldCalls,
    @Inject(BrokerClock) clock: Pick<BrokerClock, 'nowMs'>,
  ) {
    this.people = people;
    this.calls = calls;
    this.clock = clock;
  }

  @MessagePattern<string>(RPCS.decide.subject)
  async decide(@Payload() request: Request): Promise<Answer> {
    const person = await this.people.verify(request.token);
    const call = await this.calls.find(request);
    if (call === undefined || !maySee(person, call)) throw notFound();
    if (this.calls.pending(call) !== undefined) await this.vote(person, call, request);
    return this.conclude(call);
  }

  /** V2; after the expiry nobody votes any more. */
  private async vote(person: Actor, call: HeldCall, request: Request): Promise<void> {
    if (!mayDecide(person, call)) throw notPermitted();
    if (request.digest !== call.verdict.hold.digest) throw digestMismatch();
    if (this.clock.nowMs() >= call.verdict.hold.expiresAtMs) return;
    const stored = await this.calls.vote(call, voteOf(person, request));
    if (stored.vote !== request.vote) throw alreadyVoted(stored);
  }

  /** V3. */
  private async conclude(call: HeldCall): Promise<Answer> {
    const pending = this.calls.pending(call);
    if (pending === undefined) return answerOf(call, await this.calls.decided(call));
    const decision = decisionOf(pending, this.clock.nowMs());
    if (decision !== undefined) return answerOf(call, await this.calls.decide(pending, decision));
    const { approvals } = call.verdict.hold;
    return { state: 'pending', accepted: acceptedOf(pending), approvals };
  }
}

function voteOf(voter: Actor, { vote, digest, reason, pass, hmac }: Request): Voted {
  return { voter, vote, digest, pass, hmac, ...(reason === undefined ? {} : { reason }) };
}

function answerOf({ verdict }: HeldCall, { decision, votes }: Decided): Answer {
  const accepted = votes.filter(({ vote }) => vote === 'accept').length;
  return { state: decision, accepted, approvals: verdict.hold.approvals };
}

/** V1: the one answer for what does not exist and for what is none of the person's business. */
function notFound(): RefusedError {
  return new RefusedError('ERR_NOT_FOUND', 'No held call of this Flow has this id; list the pending calls again.');
}

function notPermitted(): RefusedError {
  return new RefusedError('ERR_NOT_PERMITTED', 'You may see this call but not decide it; ask one of its approvers.');
}

function digestMismatch(): RefusedError {
  const message = 'The digest is not that of the held call; list the pending calls again and decide what they show.';
  return new RefusedError('ERR_DIGEST_MISMATCH', message, { field: 'digest' });
}

function alreadyVoted({ vote }: Voted): RefusedError {
  return new RefusedError('ERR_ALREADY_VOTED', `You voted ${vote} on this call already; a vote cannot be changed.`);
}
