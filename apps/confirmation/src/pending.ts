// rpc `confirmation.pending`: the held calls that a person may see, most urgent first.
//
//   L1. A person sees what they asked for and what they may decide, and nothing else.
//   L2. The answer is bounded in calls and bytes; what does not fit comes up when the more urgent ones are decided.

import {
  LIMITS,
  RPCS,
  type Actor,
  type RpcAnswer,
  type RpcQuestion,
  type PendingCall,
  type Requested,
  type pendingRpc,
} from '@flow-mcp/contracts';
import { BrokerClock } from '@flow-mcp/messaging';
import { samePerson } from '@flow-mcp/policy';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { acceptedOf, decisionOf, mayDecide, maySee } from './decision.js';
import { HeldCalls } from './held-calls.js';
import type { HeldCall } from './pending-calls.js';
import { PEOPLE, type People } from './people.js';

type Request = RpcQuestion<typeof pendingRpc>;
type Answer = RpcAnswer<typeof pendingRpc>;

const CALLS_MAX = 200;
/** Leaves room for the brackets around the calls. */
const BYTES_MAX = LIMITS.rpcBytes - 1024;

/** Authorization: the person's token, and L1. */
@Controller()
export class PendingController {
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

  @MessagePattern<string>(RPCS.pending.subject)
  async pending(@Payload() { token, flow }: Request): Promise<Answer> {
    const person = await this.people.verify(token);
    const visible = this.visibleTo(person, flow).slice(0, CALLS_MAX);
    const requests = await Promise.all(visible.map((call) => this.calls.requested(call)));
    // A request that this read did not find is in the next list: nobody is shown a call without its arguments.
    const shown = visible.flatMap((call, at) => {
      const requested = requests[at];
      return requested === undefined ? [] : [describe(person, call, requested)];
    });
    return { calls: fitting(shown) };
  }

  /** L1. */
  private visibleTo(person: Actor, flow: string | undefined): HeldCall[] {
    const nowMs = this.clock.nowMs();
    return [...this.calls.allPending()]
      .filter((call) => flow === undefined || call.flow === flow)
      .filter((call) => maySee(person, call) && decisionOf(call, nowMs) === undefined)
      .sort((one, other) => one.verdict.hold.expiresAtMs - other.verdict.hold.expiresAtMs);
  }
}

function describe(person: Actor, call: HeldCall, requested: Requested): PendingCall {
  const { actor, rule, server, tool, hold } = call.verdict;
  const hasVoted = call.votes.some(({ vote }) => samePerson(vote.voter, person));
  return {
    flow: call.flow,
    callId: call.callId,
    server: server.name,
    tool,
    arguments: requested.arguments,
    requester: actor,
    ...(requested.reason === undefined ? {} : { reason: requested.reason }),
    rule,
    digest: hold.digest,
    approvers: hold.approvers,
    approvals: hold.approvals,
    accepted: acceptedOf(call),
    heldAtMs: call.heldAtMs,
    expiresAtMs: hold.expiresAtMs,
    mayDecide: mayDecide(person, call) && !hasVoted,
  };
}

/** L2. */
function fitting(calls: readonly PendingCall[]): PendingCall[] {
  let bytes = 0;
  return calls.filter((call) => {
    const size = Buffer.byteLength(JSON.stringify(call)) + 1;
    if (bytes + size > BYTES_MAX) return false;
    bytes += size;
    return true;
  });
}
