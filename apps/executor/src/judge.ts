// What becomes of a request: read, verify who asks, ask the policy, find a place to run, and say it as a verdict.
//
//   J1. Whatever is wrong with a request becomes a verdict that refuses it: nothing is lost, nothing crashes.
//   J2. The actor in the verdict is the one whose pass was verified here.
//   J3. Arguments are checked before anything is recorded as a run or a hold.

import { randomBytes } from 'node:crypto';
import {
  FACT_CONTRACTS,
  HEADERS,
  LIMITS,
  decode,
  expectType,
  parseCallSubject,
  type Actor,
  type CallSubject,
  type Requested,
  type Verdict,
} from '@flow-mcp/contracts';
import { argumentsSha256, callTokenId, holdDigest, type PassAuthority } from '@flow-mcp/identity';
import {
  FlowMcpError,
  RefusedError,
  RetryableError,
  callIdTimeMs,
  type CallId,
  type ErrorCode,
} from '@flow-mcp/kernel';
import type { StoredFact } from '@flow-mcp/messaging';
import { NOT_VISIBLE } from '@flow-mcp/policy';
import type { Admission, Rejected, Slot } from './admission.js';
import type { ArgumentSchemas } from './argument-schema.js';
import { askPolicy, type Answer } from './ask-policy.js';
import type { Cancellations } from './cancellations.js';
import type { Clock } from './clock.js';
import { authenticationLabel } from './credentials.js';
import type { LedgerRoom } from './ledger-room.js';
import type { RegisteredServer, RegistryCopy } from './registry-copy.js';

/** What a run needs, as it was when it was decided: what runs is what was decided upon. */
export interface Go {
  readonly requested: Requested;
  readonly server: RegisteredServer;
  /** The place that was kept for it. */
  readonly slot: Slot;
}

/** A verdict; `go` when it says run. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly go?: Go;
}

type DecisionPart = Omit<Extract<Verdict, { step: 'run' }>, 'step' | 'run' | 'queuedMs'>;
type Refusal = Extract<Verdict, { step: 'refuse' }>;

const DELIVERIES_MAX = 4;
const CALL_ID_SKEW_MS = 10 * 60_000;
/** How long after its expiry an accepted call may still start. */
const RUN_WITHIN_MS = 5 * 60_000;

/** See the file's header. */
export class Judge {
  readonly #registry: RegistryCopy;
  readonly #passes: PassAuthority;
  readonly #admission: Admission;
  readonly #schemas: ArgumentSchemas;
  readonly #surroundings: { clock: Clock; cancellations: Cancellations; room: LedgerRoom };

  constructor(
    registry: RegistryCopy,
    passes: PassAuthority,
    gates: { admission: Admission; schemas: ArgumentSchemas },
    surroundings: { clock: Clock; cancellations: Cancellations; room: LedgerRoom },
  ) {
    this.#registry = registry;
    this.#passes = passes;
    this.#admission = gates.admission;
    this.#schemas = gates.schemas;
    this.#surroundings = surroundings;
  }

  /** The verdict on a stored request. @throws only bugs, and RetryableError when something of ours is away */
  async judge(fact: StoredFact, deliveryCount: number): Promise<Judgement> {
    let actor: Actor | undefined;
    try {
      if (deliveryCount > DELIVERIES_MAX)
        throw new RefusedError(
          'ERR_UNDELIVERABLE',
          'The request could not be handled in four deliveries; report it with its call id.',
        );
      const call = parseCallSubject(fact.subject);
      actor = this.#verify(fact, call);
      return await this.#decide(fact, call, actor);
    } catch (error) {
      if (!(error instanceof FlowMcpError) || error instanceof RetryableError) throw error;
      return { verdict: refuse(error, actor) };
    }
  }

  #verify(fact: StoredFact, { flow, callId }: CallSubject): Actor {
    if (Math.abs(callIdTimeMs(callId) - fact.storedAtMs) > CALL_ID_SKEW_MS) {
      throw new RefusedError(
        'ERR_CALL_ID_INVALID',
        'The call id is more than ten minutes old or ahead; make a new UUIDv7, and check the clock.',
      );
    }
    const [pass, hmac] = [fact.headers.get(HEADERS.pass), fact.headers.get(HEADERS.hmac)];
    if (pass === undefined || hmac === undefined) {
      throw new RefusedError(
        'ERR_PASS_INVALID',
        `Send the headers ${HEADERS.pass} and ${HEADERS.hmac}; rpc.executor.pass gives what they need.`,
      );
    }
    return this.#passes.verify({
      pass,
      hmac,
      subject: fact.subject,
      payload: fact.payload,
      flow,
      nowMs: fact.storedAtMs,
    });
  }

  async #decide(fact: StoredFact, call: CallSubject, actor: Actor): Promise<Judgement> {
    expectType(FACT_CONTRACTS.requested, fact.headers.get(HEADERS.type));
    const requested = decode(FACT_CONTRACTS.requested, fact.payload, LIMITS.requestedBytes);
    const answer = askPolicy(this.#registry, actor, call.flow, requested);
    const { decision, server, offered } = answer;
    this.#schemas.check(offered.sha256, offered.definition.inputSchema, requested.arguments);
    this.#checkTime(requested);
    this.#surroundings.room.check();
    const part = partOf(call, actor, requested, answer);
    if (decision.effect === 'hold') return { verdict: this.#hold(call, requested, part, server) };
    return this.#run(call, requested, part, server);
  }

  #checkTime({ deadlineMs }: Requested): void {
    if (this.#surroundings.clock.wallMs() >= deadlineMs) {
      throw new RefusedError(
        'ERR_DEADLINE_PASSED',
        'The deadline passed before the call could start; ask again with a later one.',
        { field: 'deadlineMs' },
      );
    }
  }

  #hold(call: CallSubject, requested: Requested, part: DecisionPart, { terms }: RegisteredServer): Verdict {
    const expiresAtMs = this.#surroundings.clock.wallMs() + terms.confirmation.expiresAfterMs;
    const bound = {
      expiresAtMs,
      runBeforeMs: expiresAtMs + RUN_WITHIN_MS,
      nonce: randomBytes(16).toString('base64url'),
    };
    const { approvers, requesterMayDecide, approvals } = terms.confirmation;
    const digest = digestOf(call, requested, part, bound);
    return {
      step: 'hold',
      ...part,
      hold: { digest, ...bound, approvers: [...approvers], requesterMayDecide, approvals },
    };
  }

  async #run(
    call: CallSubject,
    requested: Requested,
    part: DecisionPart,
    server: RegisteredServer,
  ): Promise<Judgement> {
    const { clock } = this.#surroundings;
    const enteredMs = clock.monotonicMs();
    const slot = await this.enter({ ...call, actor: part.actor }, server, requested.deadlineMs);
    const run = { jti: callTokenId(call.callId, 1), attempt: 1, timeoutMs: server.terms.limits.timeoutMs };
    return {
      verdict: { step: 'run', ...part, run, queuedMs: Math.round(clock.monotonicMs() - enteredMs) },
      go: { requested, server, slot },
    };
  }

  /**
   * A place to run, waiting for it until `untilMs` at most.
   * @throws RefusedError when there is none, the call was cancelled, or the time is up
   */
  async enter(
    { callId, actor }: { callId: CallId; actor: Actor },
    { terms }: RegisteredServer,
    untilMs: number,
  ): Promise<Slot> {
    const { cancellations, clock } = this.#surroundings;
    const { concurrency, queue, ratePerPerson } = terms.limits;
    const watched = cancellations.watch(callId, untilMs - clock.wallMs());
    const { signal } = watched;
    try {
      const entry = { server: terms.name, person: personKey(actor), concurrency, queue, rate: ratePerPerson, signal };
      const entered = signal.aborted ? 'aborted' : await this.#admission.enter(entry);
      if (typeof entered === 'object') return entered;
      throw rejection(entered, signal);
    } finally {
      watched.end();
    }
  }
}

/** One person, for queues and session pools. */
export function personKey({ iss, sub }: Actor): string {
  return `${iss} ${sub}`;
}

/** The digest that binds an approval to what will run (design section 6). */
export function digestOf(
  { callId, flow }: CallSubject,
  requested: Requested,
  {
    actor,
    server,
    tool,
    toolDefinitionSha256,
    rule,
  }: Pick<DecisionPart, 'actor' | 'server' | 'tool' | 'toolDefinitionSha256' | 'rule'>,
  bound: { expiresAtMs: number; runBeforeMs: number; nonce: string },
): string {
  const { name, url, authentication } = server;
  const content = { callId, flow, actor, server: { name, url, authentication }, tool, toolDefinitionSha256, rule };
  return holdDigest({ ...content, arguments: requested.arguments, ...bound });
}

function partOf(
  { flow }: CallSubject,
  actor: Actor,
  { tool, arguments: given }: Requested,
  answer: Answer,
): DecisionPart {
  const { decision, flowGeneration, server, offered } = answer;
  const { name, url } = server.terms;
  return {
    actor,
    rule: decision.rule,
    flow: { name: flow, generation: flowGeneration },
    server: { name, generation: server.generation, url, authentication: authenticationLabel(server.terms) },
    tool,
    toolDefinitionSha256: offered.sha256,
    argumentsSha256: argumentsSha256(given),
    retrySafe: decision.retrySafe,
  };
}

const OUTCOME_OF: Partial<Record<ErrorCode, Refusal['outcome']>> = {
  ERR_BUSY: 'busy',
  ERR_RATE_LIMITED: 'busy',
  ERR_LEDGER_FULL: 'busy',
  ERR_DEADLINE_PASSED: 'expired',
  ERR_EXPIRED: 'expired',
  ERR_CANCELLED: 'cancelled',
  ERR_DECLINED: 'declined',
  ERR_PASS_INVALID: 'denied',
  ERR_TOOL_NOT_VISIBLE: 'denied',
  ERR_CHANGED_SINCE_HELD: 'denied',
  ERR_RECEIPT_INVALID: 'denied',
};

/** A refusal as a fact says it. */
export function refuse(error: FlowMcpError, actor?: Actor): Refusal {
  const rule = error.code === 'ERR_TOOL_NOT_VISIBLE' ? { rule: NOT_VISIBLE } : {};
  const outcome = OUTCOME_OF[error.code] ?? 'failed';
  return {
    step: 'refuse',
    outcome,
    code: error.code,
    reason: error.message.slice(0, 1000),
    ...rule,
    ...(actor === undefined ? {} : { actor }),
  };
}

function rejection(rejected: Rejected, signal: AbortSignal): FlowMcpError {
  if (rejected === 'aborted' && signal.reason === 'deadline') {
    return new RefusedError(
      'ERR_DEADLINE_PASSED',
      'The deadline passed while the call waited for a free place; ask again with a later one.',
    );
  }
  if (rejected === 'aborted') return new RefusedError('ERR_CANCELLED', 'The call was cancelled before it started.');
  if (rejected === 'rate_limited')
    return new RefusedError('ERR_RATE_LIMITED', "You reached the server's rate per person; try again in a minute.");
  return new RefusedError('ERR_BUSY', "The server's queue is full; try again in a few seconds.");
}
