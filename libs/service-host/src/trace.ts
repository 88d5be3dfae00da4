// Which request a log line belongs to: the W3C trace id of the message being handled.

import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';

/** What every log line of one request has in common. */
export interface Trace {
  /** 32 hex digits, from the sender's `traceparent` or made here. */
  readonly traceId: string;
  /** What is handled: a subject without ids, or an HTTP route. */
  readonly handling: string;
}

const storage = new AsyncLocalStorage<Trace>();

/** The trace of the request being handled here and now. */
export function currentTrace(): Trace | undefined {
  return storage.getStore();
}

/** Runs `work` with every log line inside it carrying the trace. */
export function withTrace<T>(handling: string, traceparent: string | undefined, work: () => T): T {
  return storage.run({ traceId: traceIdOf(traceparent) ?? randomBytes(16).toString('hex'), handling }, work);
}

/** W3C Trace Context §3.2: `00-<32 hex>-<16 hex>-<2 hex>`; all zeros is invalid. */
function traceIdOf(traceparent: string | undefined): string | undefined {
  const traceId = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '')?.[1];
  return traceId === '0'.repeat(32) ? undefined : traceId;
}
