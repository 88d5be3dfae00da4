// rpc `registry.watch`: what changed after a sequence, waiting for the next change if nothing did.
// Of a resource that changed several times the last change is told; ask on from the `seq` in the answer.

import { watchRpc, type RpcAnswer, type RpcQuestion } from '@flow-mcp/contracts';
import type { PersonVerifier } from '@flow-mcp/identity';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { maySee } from './permissions.js';
import { Registry, type Entry } from './registry.js';
import { DRAINING, PEOPLE } from './tokens.js';

type WatchAnswer = RpcAnswer<typeof watchRpc>;

/** Authorised by the person's token and read on each resource told of. */
@Controller()
export class WatchController {
  readonly #people: PersonVerifier;
  readonly #registry: Registry;
  readonly #draining: AbortSignal;

  constructor(
    @Inject(PEOPLE) people: PersonVerifier,
    @Inject(Registry) registry: Registry,
    @Inject(DRAINING) draining: AbortSignal,
  ) {
    this.#people = people;
    this.#registry = registry;
    this.#draining = draining;
  }

  @MessagePattern<string>(watchRpc.subject)
  async watch(question: RpcQuestion<typeof watchRpc>): Promise<WatchAnswer> {
    const { token, kind, sinceSeq = this.#registry.seq, waitMs = 0 } = question;
    const person = await this.#people.verify(token);
    const isWanted = (entry: Entry): boolean =>
      (kind === undefined || entry.kind === kind) && maySee(person, entry.resource);
    return this.#within(waitMs, async (signal) => {
      for (;;) {
        const { seq } = this.#registry;
        const changes = this.#registry.changedSince(sinceSeq).filter(isWanted);
        if (changes.length > 0 || !(await this.#registry.waitFor(seq + 1, signal))) {
          return { changes: changes.map(changeOf), seq: Math.max(seq, sinceSeq) };
        }
      }
    });
  }

  /** A watch that waits ends when its time is over or the service stops. */
  async #within<T>(waitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const over = new AbortController();
    const end = (): void => over.abort();
    const timer = setTimeout(end, waitMs);
    this.#draining.addEventListener('abort', end, { once: true });
    try {
      return await work(over.signal);
    } finally {
      clearTimeout(timer);
      this.#draining.removeEventListener('abort', end);
    }
  }
}

function changeOf({ seq, kind, name, generation, change, diff }: Entry): WatchAnswer['changes'][number] {
  return { seq, kind, name, generation, change, diff: [...diff] };
}
