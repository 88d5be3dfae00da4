// Bounds how much runs at once.

import { ClickHouseException } from './errors.js';

/** At most `concurrency` pieces of work at a time; the rest wait in order, at most `waitingMax` of them. */
export class Slots {
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(
    concurrency: number,
    private readonly waitingMax: number,
  ) {
    this.free = concurrency;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.take();
    try {
      return await work();
    } finally {
      this.give();
    }
  }

  private take(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    if (this.waiting.length >= this.waitingMax) {
      throw new ClickHouseException(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', 'Too many queries are waiting; try later.');
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Hands the slot to whoever waits longest. */
  private give(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free += 1;
    else next();
  }
}
