// Runs a tool once and settles the call with what came of it.
//
//   X1. Called only by whoever won the run's arbiter fact.
//   X2. The clock of a run starts before its arbiter is written, so nobody can take it for lost while it may still act:
//       the JWT expires with it, and nothing is sent once the time is up.
//   X3. Whatever happens after sending is settled as what is known of it. An outcome that lost to `unknown` is kept as `late`.

import {
  HEADERS,
  encode,
  parseCallSubject,
  progressSubject,
  progressV1,
  type Actor,
  type Requested,
  type RunTerms,
  type Settled,
} from '@flow-mcp/contracts';
import { outcomeOf } from '@flow-mcp/call';
import type { StoredFact } from '@flow-mcp/messaging';
import type { CallAnswer, CallRequest, Upstream, UpstreamProgress } from '@flow-mcp/upstream';
import type { CallLog } from './call-log.js';
import type { Cancellations } from './cancellations.js';
import type { Clock } from './clock.js';
import type { Credentials } from './credentials.js';
import { personKey } from './entrance.js';
import type { RegisteredServer } from './registry-copy.js';
import type { Results } from './results.js';

/** One run, on the terms of its won arbiter. */
export interface RunOrder {
  /** Any fact of the call. */
  readonly fact: StoredFact;
  readonly requested: Requested;
  readonly actor: Actor;
  readonly argumentsSha256: string;
  /** The server as it was when the run was decided. */
  readonly server: RegisteredServer;
  readonly run: RunTerms;
  /** Monotonic time before the arbiter was written (X2). */
  readonly startedMs: number;
}

/** What the runner works with. */
export interface RunnerParts {
  readonly log: CallLog;
  readonly upstream: Pick<Upstream, 'call'>;
  readonly results: Results;
  readonly cancellations: Cancellations;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly publish: (subject: string, payload: Uint8Array) => void;
  /** Aborts when the process must end. */
  readonly stopping: AbortSignal;
}

/** See the file's header. */
export class Runner {
  readonly #parts: RunnerParts;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** Runs the tool and settles the call. */
  async run(order: RunOrder): Promise<void> {
    const { log, clock, cancellations, stopping } = this.#parts;
    const watched = cancellations.watch(parseCallSubject(order.fact.subject));
    const sentMs = clock.monotonicMs();
    const answer = await this.#call(order, watched.signal).finally(() => watched.end());
    const settled = await this.#settled(order, answer, {
      cancelled: watched.signal.aborted,
      upstreamMs: Math.round(clock.monotonicMs() - sentMs),
    });
    const won = await log.appendSurely(order.fact, 'settled', settled, stopping);
    if (!won) await log.appendSurely(order.fact, 'late', settled, stopping);
  }

  async #call(order: RunOrder, signal: AbortSignal): Promise<CallAnswer> {
    const remainingMs = order.run.timeoutMs - (this.#parts.clock.monotonicMs() - order.startedMs);
    if (remainingMs <= 0)
      return {
        kind: 'not_sent',
        code: 'ERR_UPSTREAM_TIMEOUT',
        message: 'The time of the run was up before anything was sent.',
      };
    return this.#parts.upstream.call(this.#request(order, remainingMs, signal));
  }

  #request(
    { fact, requested, actor, argumentsSha256, server, run }: RunOrder,
    timeoutMs: number,
    signal: AbortSignal,
  ): CallRequest {
    const { terms, generation } = server;
    const { flow, callId } = parseCallSubject(fact.subject);
    const claims = { person: actor, flow, callId, attempt: run.attempt, tool: requested.tool, argumentsSha256 };
    const traceparent = fact.headers.get(HEADERS.traceparent);
    return {
      server: { name: terms.name, generation, url: terms.url, protocol: terms.protocol },
      person: personKey(actor),
      authorize: () => this.#parts.credentials.forRun(terms, claims, timeoutMs),
      tool: requested.tool,
      arguments: requested.arguments,
      meta: { 'flow-mcp/callId': callId, ...(traceparent === undefined ? {} : { traceparent }) },
      timeoutMs,
      resultBytesMax: terms.limits.resultBytes,
      signal,
      onProgress: (progress) => this.#progress(progressSubject(flow, callId), progress),
    };
  }

  #progress(subject: string, { progress, total, message }: UpstreamProgress): void {
    const told = {
      progress,
      ...(total === undefined ? {} : { total }),
      ...(message === undefined ? {} : { message: message.slice(0, 1000).toWellFormed() }),
    };
    this.#parts.publish(subject, encode(progressV1, told));
  }

  async #settled(
    { fact, run }: RunOrder,
    answer: CallAnswer,
    { cancelled, upstreamMs }: { cancelled: boolean; upstreamMs: number },
  ): Promise<Settled> {
    const { flow, callId } = parseCallSubject(fact.subject);
    const { outcome, code, message } = outcomeOf(answer, { cancelled, attempt: run.attempt });
    return {
      outcome,
      attempt: run.attempt,
      upstreamMs,
      ...(code === undefined ? {} : { code }),
      ...(message === undefined ? {} : { message: message.slice(0, 1000).toWellFormed() }),
      ...(await this.#parts.results.place(`${flow}.${callId}.${run.attempt}`, answer)),
    };
  }
}
