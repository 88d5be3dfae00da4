// One Flow for one person.
//
// 1. Whoever waits is told from before the request is published: nothing can come too early.
// 2. A request is appended exactly once. If its call id is taken, the stored bytes say by whom: the same bytes are this
//    very call, made before; other bytes are another call.
// 3. Once a request is stored, `call` resolves with an outcome; only closing the connection ends the waiting before.

import { RPCS, type PendingCall } from '@flow-mcp/contracts';
import { signVote } from '@flow-mcp/identity/signing';
import { RefusedError, RetryableError, type CallId, type JsonObject, type Name } from '@flow-mcp/kernel';
import type { Ledger, Report } from '@flow-mcp/messaging';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { CallWaiter } from './call-waiter.js';
import type { FlowFacts } from './flow-facts.js';
import { fetchResult } from './large-result.js';
import type { Person } from './person.js';
import { cancelFact, checkedCallId, requestedFact, type ResolvedRequest, type UnsentFact } from './request.js';
import { checkStoppable, settledOf } from './settled.js';
import type {
  CallCallbacks,
  CallOptions,
  CallOutcome,
  CallRequest,
  Decision,
  Flow,
  FlowTools,
  GetToken,
  VoteResult,
} from './types.js';

const CANCEL_AGAIN_MS = 1_000;

/** The connection, as a Flow uses it. */
export interface FlowContext {
  readonly ledger: Ledger;
  readonly report: Report;
  facts(flow: Name): FlowFacts;
  flow(name: Name, getToken: GetToken): Flow;
  close(): Promise<void>;
}

/** See the file's header. */
export class ConnectedFlow implements Flow {
  readonly name: Name;
  readonly #context: FlowContext;
  readonly #person: Person;
  #tools: FlowTools | undefined;

  constructor(name: Name, context: FlowContext, person: Person) {
    this.name = name;
    this.#context = context;
    this.#person = person;
  }

  as(getToken: GetToken): Flow {
    return this.#context.flow(this.name, getToken);
  }

  async tools(): Promise<FlowTools> {
    this.#tools = await this.#person.ask(RPCS.tools, { flow: this.name });
    return this.#tools;
  }

  async call(request: CallRequest, options: CallOptions = {}): Promise<CallOutcome> {
    const { callId = uuidv7(), signal, traceparent } = options;
    const resolved = await this.#resolve(request);
    const pass = await this.#person.pass(this.name);
    const fact = requestedFact({ flow: this.name, callId }, resolved, pass, traceparent);
    signal?.throwIfAborted();
    const waiter = this.#watch(callId, options);
    try {
      if ((await this.#append(fact)) === 'before') void waiter.read();
    } catch (error) {
      waiter.fail(error);
      throw error;
    }
    waiter.onEnd(this.#cancelOnAbort(callId, signal));
    waiter.requested();
    return waiter.outcome;
  }

  async wait(callId: CallId, callbacks: CallCallbacks = {}): Promise<CallOutcome> {
    const waiter = this.#watch(checkedCallId(callId), callbacks);
    void waiter.read();
    return waiter.outcome;
  }

  async decide({ callId, digest, vote, reason }: Decision): Promise<VoteResult> {
    const { pass, secret } = await this.#person.pass(this.name);
    const content = { flow: this.name, callId, digest, vote, ...(reason === undefined ? {} : { reason }) };
    return this.#person.ask(RPCS.decide, { ...content, pass, hmac: signVote(secret, content) });
  }

  async pending(): Promise<readonly PendingCall[]> {
    const { calls } = await this.#person.ask(RPCS.pending, { flow: this.name });
    return calls;
  }

  async cancel(callId: CallId, reason?: string): Promise<void> {
    const call = { flow: this.name, callId: checkedCallId(callId) };
    await checkStoppable(this.#context.ledger, call);
    await this.#appendCancel(callId, reason);
  }

  async result(callId: CallId): Promise<JsonObject | undefined> {
    const call = { flow: this.name, callId: checkedCallId(callId) };
    const settled = await settledOf(this.#context.ledger, call);
    if (settled.resultRef === undefined) return settled.result;
    return fetchResult(this.#person, call, settled.resultRef);
  }

  close(): Promise<void> {
    return this.#context.close();
  }

  async #appendCancel(callId: CallId, reason?: string): Promise<void> {
    const { subject, payload, headers } = cancelFact({ flow: this.name, callId }, reason);
    await this.#context.ledger.append(subject, payload, headers);
  }

  /** A call by server and the server's own name for the tool. @throws RefusedError `ERR_TOOL_NOT_VISIBLE` */
  async #resolve(request: CallRequest): Promise<ResolvedRequest> {
    if (!('name' in request)) return request;
    const named = (tools: FlowTools | undefined) => tools?.tools.find(({ name }) => name === request.name);
    const found = named(this.#tools) ?? named(await this.tools());
    if (found !== undefined) return { ...request, server: found.server, tool: found.definition.name };
    const message = `Flow ${this.name} lists no tool ${JSON.stringify(request.name)}; choose one of tools().`;
    throw new RefusedError('ERR_TOOL_NOT_VISIBLE', message, { field: 'name' });
  }

  /** Invariant 1. */
  #watch(callId: CallId, callbacks: CallCallbacks): CallWaiter {
    const waiter = new CallWaiter({ flow: this.name, callId }, this.#context, callbacks);
    this.#context.facts(this.name).watch(waiter);
    return waiter;
  }

  /** Invariant 2: whether the call was made now or before. @throws RefusedError `ERR_CALL_ID_REUSED` */
  async #append({ subject, payload, headers }: UnsentFact): Promise<'now' | 'before'> {
    const appended = await this.#context.ledger.append(subject, payload, headers);
    if (appended.result === 'mine') return 'now';
    if (Buffer.compare(appended.fact.payload, payload) === 0) return 'before';
    const message = 'The call id stands for another call; make a new one.';
    throw new RefusedError('ERR_CALL_ID_REUSED', message, { field: 'callId' });
  }

  /** Asks for the call to be stopped until the broker has heard it. Returns what ends that. */
  #cancelOnAbort(callId: CallId, signal: AbortSignal | undefined): () => void {
    const ended = new AbortController();
    const cancel = async (): Promise<void> => {
      while (!ended.signal.aborted) {
        try {
          return await this.#appendCancel(callId);
        } catch (error) {
          if (!(error instanceof RetryableError))
            return this.#context.report(`Call ${callId} cannot be cancelled.`, error);
        }
        await sleep(CANCEL_AGAIN_MS);
      }
    };
    const onAbort = (): void => void cancel();
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    return () => {
      ended.abort();
      signal?.removeEventListener('abort', onAbort);
    };
  }
}
