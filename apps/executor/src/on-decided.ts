// Reacts to `decided`: writes `resumed`, and runs the tool if this write won and says so.

import { CONSUMERS } from '@flow-mcp/contracts';
import { RetryableError } from '@flow-mcp/kernel';
import type { Delivery, Disposition } from '@flow-mcp/messaging';
import { Controller, Inject } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { advance, done, lostTheStep, settleRefusal, type Steps } from './advance.js';
import type { HoldVerdict } from './holds.js';
import { Resumer, type Resumption } from './resume.js';
import { STEPS } from './tokens.js';

/** Durable consumer `executor-decided`. Authorised by the receipt and by every voter's pass and HMAC. */
@Controller()
export class OnDecided {
  readonly #steps: Steps;
  readonly #resumer: Resumer;

  constructor(@Inject(STEPS) steps: Steps, @Inject(Resumer) resumer: Resumer) {
    this.#steps = steps;
    this.#resumer = resumer;
  }

  @EventPattern<string>(CONSUMERS.executorDecided.durable)
  async handle(delivery: Delivery): Promise<Disposition> {
    return advance(delivery, 'decided', this.#steps, () => this.#arbitrate(delivery));
  }

  async #arbitrate(delivery: Delivery): Promise<Disposition> {
    const { log } = this.#steps;
    const { fact } = delivery;
    const [requested, verdict] = await Promise.all([log.read(fact, 'requested'), log.read(fact, 'verdict')]);
    if (verdict !== undefined && verdict.step !== 'hold') return done(); // Nothing waits for this decision.
    if (requested === undefined || verdict === undefined) {
      throw new RetryableError(
        'ERR_BROKER_UNAVAILABLE',
        'The request or the hold of a decided call was not found by this read.',
      );
    }
    const resumption = await this.#resumer.resume({ fact, requested, verdict });
    try {
      return await this.#carryOut(delivery, resumption, verdict);
    } finally {
      resumption.go?.slot.release();
    }
  }

  async #carryOut(delivery: Delivery, { resumed, go }: Resumption, verdict: HoldVerdict): Promise<Disposition> {
    const { log, runner, clock } = this.#steps;
    const { fact } = delivery;
    const startedMs = clock.monotonicMs();
    if (!(await log.append(fact, 'resumed', resumed))) return lostTheStep();
    if (resumed.step === 'refuse') return settleRefusal(delivery, resumed, this.#steps);
    if (go === undefined) return done();
    const { actor, argumentsSha256 } = verdict;
    await runner.run({ fact, ...go, actor, argumentsSha256, run: resumed.run, startedMs });
    return done();
  }
}
