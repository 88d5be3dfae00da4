// The broker's time, by which a hold expires. Reading it is a question to the broker; between questions our own clock,
// moved by the difference, stands in for it.

import { RetryableError, type EpochMs } from '@flow-mcp/kernel';
import type { BrokerTime } from './broker-time.js';
import { setTimeout as sleep } from 'node:timers/promises';

const READ_EVERY_MS = 30_000;
const READ_AGAIN_MS = 500;
/** The broker's time is known to half of this, so that holds expire to the second. */
const ANSWER_WITHIN_MS = 500;

/** Reads the broker's clock. */
export type ReadBrokerTime = () => Promise<BrokerTime>;

/** See the file's header. */
export class BrokerClock {
  private readonly read: ReadBrokerTime;
  private readonly wallMs: () => EpochMs;
  private aheadMs: number | undefined;

  constructor(read: ReadBrokerTime, wallMs: () => EpochMs = Date.now) {
    this.read = read;
    this.wallMs = wallMs;
  }

  /** Whether the broker's clock was ever read. */
  get isSet(): boolean {
    return this.aheadMs !== undefined;
  }

  /** The broker's time; our own until it was read. */
  nowMs(): EpochMs {
    return this.wallMs() + (this.aheadMs ?? 0);
  }

  /** Reads the broker's clock; says whether the answer was quick enough to go by. */
  async adjust(): Promise<boolean> {
    const { brokerMs, askedAtMs, answeredAtMs } = await this.read();
    if (answeredAtMs - askedAtMs > ANSWER_WITHIN_MS) return false;
    this.aheadMs = Math.round(brokerMs - (askedAtMs + answeredAtMs) / 2);
    return true;
  }

  /** Reads it again and again until `signal` aborts. @throws what is not a matter of waiting */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const read = await this.adjust().catch(notNow);
      await sleep(read ? READ_EVERY_MS : READ_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

function notNow(error: unknown): false {
  if (error instanceof RetryableError) return false;
  throw error;
}
