// Reacts to `requested`: writes the verdict, and does what it says if this write won.

import { CONSUMERS } from '@flow-mcp/contracts';
import type { Delivery, Disposition } from '@flow-mcp/messaging';
import { Controller, Inject } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { advance, done, lostTheStep, settleRefusal, type Steps } from './advance.js';
import { Judge, type Judgement } from './judge.js';
import { STEPS } from './tokens.js';

/** Durable consumer `executor-requested`. Authorised by the pass and HMAC in the request's headers. */
@Controller()
export class OnRequested {
  readonly #steps: Steps;
  readonly #judge: Judge;

  constructor(@Inject(STEPS) steps: Steps, @Inject(Judge) judge: Judge) {
    this.#steps = steps;
    this.#judge = judge;
  }

  @EventPattern<string>(CONSUMERS.executorRequested.durable)
  async handle(delivery: Delivery): Promise<Disposition> {
    return advance(delivery, 'requested', this.#steps, async () => {
      const judgement = await this.#judge.judge(delivery.fact, delivery.deliveryCount);
      try {
        return await this.#carryOut(delivery, judgement);
      } finally {
        judgement.go?.slot.release();
      }
    });
  }

  async #carryOut(delivery: Delivery, { verdict, go }: Judgement): Promise<Disposition> {
    const { log, runner, clock } = this.#steps;
    const { fact } = delivery;
    const startedMs = clock.monotonicMs();
    if (!(await log.append(fact, 'verdict', verdict))) return lostTheStep();
    if (verdict.step === 'refuse') return settleRefusal(delivery, verdict, this.#steps);
    if (verdict.step === 'hold' || go === undefined) return done();
    const { actor, argumentsSha256, run } = verdict;
    await runner.run({ fact, ...go, actor, argumentsSha256, run, startedMs });
    return done();
  }
}
