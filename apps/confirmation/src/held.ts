// rpc `confirmation.held`: the executor asks whether an identical call is held already, so that it is not held twice.

import { RPCS, type RpcAnswer, type RpcQuestion, type heldRpc } from '@flow-mcp/contracts';
import { BrokerClock } from '@flow-mcp/messaging';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { decisionOf } from './decision.js';
import { HeldCalls } from './held-calls.js';
import type { HeldCall } from './pending-calls.js';

/** Authorization: the NATS permission on its subject, the executor's alone. */
@Controller()
export class HeldController {
  private readonly calls: HeldCalls;
  private readonly clock: Pick<BrokerClock, 'nowMs'>;

  constructor(@Inject(HeldCalls) calls: HeldCalls, @Inject(BrokerClock) clock: Pick<BrokerClock, 'nowMs'>) {
    this.calls = calls;
    this.clock = clock;
  }

  @MessagePattern<string>(RPCS.held.subject)
  held(@Payload() asked: RpcQuestion<typeof heldRpc>): RpcAnswer<typeof heldRpc> {
    const nowMs = this.clock.nowMs();
    for (const call of this.calls.allPending()) {
      if (isSame(call, asked) && decisionOf(call, nowMs) === undefined) return { callId: call.callId };
    }
    return {};
  }
}

function isSame({ flow, verdict }: HeldCall, asked: RpcQuestion<typeof heldRpc>): boolean {
  const { actor, server, tool, argumentsSha256 } = verdict;
  const held = [flow, actor.iss, actor.sub, server.name, tool, argumentsSha256];
  return [asked.flow, asked.iss, asked.sub, asked.server, asked.tool, asked.argumentsSha256].every(
    (value, at) => value === held[at],
  );
}
