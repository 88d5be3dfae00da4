// A person on a connection: requests that carry their token, and passes, which stand for the token on every call.
//
// 1. A pass is asked for once and shared by the calls of some minutes; a failed one is forgotten at once.
// 2. How long it is kept does not trust this machine's clock alone: it may be minutes off.

import { RPCS, type RpcContract } from '@flow-mcp/contracts';
import type { Name } from '@flow-mcp/kernel';
import { request, type BrokerConnection } from '@flow-mcp/messaging';
import type { GetToken } from './types.js';

/** Passes are good for five minutes. */
const KEEP_PASS_MS = 120_000;
const PASS_MARGIN_MS = 30_000;

/** What signs a request: the pass travels, the secret stays. */
export interface Pass {
  readonly pass: string;
  readonly secret: string;
}

interface KeptPass {
  readonly pass: Promise<Pass>;
  /** By the monotonic clock. */
  keepUntilMs: number;
}

/** Somebody for whom requests are made. */
export class Person {
  readonly #connection: BrokerConnection;
  readonly #getToken: GetToken;
  readonly #passes = new Map<Name, KeptPass>();

  constructor(connection: BrokerConnection, getToken: GetToken) {
    this.#connection = connection;
    this.#getToken = getToken;
  }

  /** Any request, with this person's token. @throws RefusedError; RetryableError */
  async ask<Q extends { token: string }, A>(rpc: RpcContract<Q, A>, question: Omit<Q, 'token'>): Promise<A> {
    const token = await this.#getToken();
    return request(this.#connection, rpc, { ...question, token } as Q);
  }

  /** A pass to a Flow that is good for at least half a minute. @throws RefusedError; RetryableError */
  pass(flow: Name): Promise<Pass> {
    const kept = this.#passes.get(flow);
    if (kept !== undefined && performance.now() < kept.keepUntilMs) return kept.pass;
    return this.#renew(flow);
  }

  #renew(flow: Name): Promise<Pass> {
    const asked = this.ask(RPCS.pass, { flow });
    const kept: KeptPass = { pass: asked, keepUntilMs: performance.now() + KEEP_PASS_MS };
    this.#passes.set(flow, kept);
    asked.then(
      ({ expiresAtMs }) => {
        const lastsMs = expiresAtMs - Date.now() - PASS_MARGIN_MS;
        kept.keepUntilMs = performance.now() + Math.min(KEEP_PASS_MS, lastsMs);
      },
      () => this.#passes.delete(flow),
    );
    return asked;
  }
}
