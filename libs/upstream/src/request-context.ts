// What belongs to one call and must reach the HTTP requests made for it, through an SDK that has no place for it.

import { AsyncLocalStorage } from 'node:async_hooks';

/** One request's context. Follows the asynchronous flow from `Session.request` into the transport. */
export interface RequestContext {
  /** Authentication of this call; goes with every HTTP request made for it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts with an UpstreamFailure as its reason. */
  readonly signal: AbortSignal;
  /** Of the answer: a JSON body, or one event. */
  readonly answerBytesMax: number;
  /** Called right before the first byte of the JSON-RPC request is written. */
  readonly onSent?: () => void;
  /** Called right before the response is delivered. What fails without it is no word of the server's. */
  readonly onAnswered?: () => void;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Runs `work`, and all that follows from it, in `context`. */
export function inContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/** @throws Error outside of `inContext`: a transport cannot send anything for nobody */
export function currentContext(): RequestContext {
  const context = storage.getStore();
  if (context === undefined) throw new Error('an MCP message was sent outside of a request context');
  return context;
}
