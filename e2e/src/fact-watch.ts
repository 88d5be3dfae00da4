// Tells the instant at which the broker has stored a fact of a call, as a chat would be told.

import { SUBJECTS, type CallFact } from '@flow-mcp/contracts';
import { connectBroker, subscribeStored, type BrokerConnection } from '@flow-mcp/messaging';
import type { Stack } from '@flow-mcp/testing';

/** See the head of this file. */
export class FactWatch {
  readonly #broker: BrokerConnection;
  readonly #seen = new Set<string>();
  readonly #waiting = new Map<string, (() => void)[]>();

  private constructor(broker: BrokerConnection) {
    this.#broker = broker;
    subscribeStored(broker, SUBJECTS.everyFactOfCalls, ({ subject }) => this.#see(subject));
  }

  static async connect(stack: Stack): Promise<FactWatch> {
    const report = (): void => undefined;
    return new FactWatch(await connectBroker({ ...stack.login('chat'), name: 'fact-watch', report }));
  }

  /** Resolves once this fact of the call is stored; of any call stored from now on, without a call id. */
  stored(fact: CallFact, callId = 'any'): Promise<void> {
    const key = `${callId} ${fact}`;
    if (this.#seen.has(key)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), resolve]));
  }

  close(): Promise<void> {
    return this.#broker.close();
  }

  #see(subject: string): void {
    const [, , , , callId = '', fact = ''] = subject.split('.');
    this.#seen.add(`${callId} ${fact}`);
    for (const key of [`${callId} ${fact}`, `any ${fact}`]) {
      for (const resolve of this.#waiting.get(key) ?? []) resolve();
      this.#waiting.delete(key);
    }
  }
}
