// What becomes of a request: read, verify who asks, ask the policy, find a place to run, and say it as a verdict.
//
//   J1. Whatever is wrong with a request becomes a verdict that refuses it: nothing is lost, nothing crashes.
//   J2. The actor in the verdict is the one whose pass was verified here.
//   J3. Arguments are checked before anything is recorded as a run or a hold.

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
import { argumentsSha256, callTokenId, type PassAuthority } from '@flow-mcp/identity';
import { FlowMcpError, RefusedError, RetryableError, callIdTimeMs } from '@flow-mcp/kernel';
import type { StoredFact } from '@flow-mcp/messaging';
import type { Slot } from './admission.js';
import type { ArgumentSchemas } from './argument-schema.js';
import { askPolicy, type Answer } from './ask-policy.js';
import type { Clock } from './clock.js';
import { authenticationLabel } from './credentials.js';
import { tooLate, type Entrance } from './entrance.js';
import type { DecisionPart, Holds } from './holds.js';
import type { LedgerRoom } from './ledger-room.js';
import { refuse } from './refusal.js';
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

/** What is judged with. */
export interface JudgeParts {
  readonly registry: RegistryCopy;
  readonly passes: Pick<PassAuthority, 'verify'>;
  readonly schemas: ArgumentSchemas;
  readonly room: LedgerRoom;
  readonly holds: Holds;
  readonly entrance: Entrance;
  readonly clock: Clock;
  /** Whether a `cancel` of the call is stored. */
  readonly isCancelled: (of: StoredFact) => Promise<boolean>;
}

const DELIVERIES_MAX = 4;
/** A request older than this may have been cancelled before we were there to hear it. */
const FRESH_MS = 1_000;
const CALL_ID_SKEW_MS = 10 * 60_000;

/** See the file's header. */
export class Judge {
  readonly #parts: JudgeParts;

  constructor(parts: JudgeParts) {
    this.#parts = parts;
  }

  /** The verdict on a stored request. @throws only bugs, and RetryableError when something of ours is away */
  async judge(fact: StoredFact, deliveryCount: number): Promise<Judgement> {
    let actor: Actor | undefined;
    try {
      if (deliveryCount > DELIVERIES_MAX) throw undeliverable();
      const call = parseCallSubject(fact.subject);
      checkAge(call, fact);
      actor = this.#verify(call, fact);
      if (deliveryCount > 1 || this.#isOld(fact)) await this.#checkNotCancelled(fact);
      return await this.#decide(fact, call, actor);
    } catch (error) {
      if (!(error instanceof FlowMcpError) || error instanceof RetryableError) throw error;
      return { verdict: refuse(error, actor) };
    }
  }

  /** J2. */
  #verify({ flow }: CallSubject, { subject, payload, headers, storedAtMs }: StoredFact): Actor {
    const [pass, hmac] = [headers.get(HEADERS.pass), headers.get(HEADERS.hmac)];
    if (pass === undefined || hmac === undefined) {
      const message = `Send the headers ${HEADERS.pass} and ${HEADERS.hmac}; rpc.executor.pass gives what they need.`;
      throw new RefusedError('ERR_PASS_INVALID', message);
    }
    return this.#parts.passes.verify({ pass, hmac, subject, payload, flow, nowMs: storedAtMs });
  }

  /** A request that waited for us: its cancel may have come while nobody listened. */
  #isOld({ storedAtMs }: StoredFact): boolean {
    return this.#parts.clock.brokerMs() - storedAtMs > FRESH_MS;
  }

  async #checkNotCancelled(fact: StoredFact): Promise<void> {
    if (!(await this.#parts.isCancelled(fact))) return;
    throw new RefusedError('ERR_CANCELLED', 'The call was cancelled before it started.');
  }

  async #decide(fact: StoredFact, call: CallSubject, actor: Actor): Promise<Judgement> {
    const { registry, schemas, room, holds } = this.#parts;
    expectType(FACT_CONTRACTS.requested, fact.headers.get(HEADERS.type));
    const requested = decode(FACT_CONTRACTS.requested, fact.payload, LIMITS.requestedBytes);
    const answer = askPolicy(registry, actor, call.flow, requested);
    const { decision, server, offered } = answer;
    schemas.check(offered.sha256, offered.definition.inputSchema, requested.arguments);
    if (this.#parts.clock.brokerMs() >= requested.deadlineMs) throw tooLate();
    room.check();
    const part = partOf(call, actor, requested, answer);
    if (decision.effect === 'hold') return { verdict: await holds.hold(call, requested, part, server) };
    return this.#run(call, requested, part, server);
  }

  async #run(
    call: CallSubject,
    requested: Requested,
    part: DecisionPart,
    server: RegisteredServer,
  ): Promise<Judgement> {
    const { clock, entrance } = this.#parts;
    const { flow, callId } = call;
    const enteredMs = clock.monotonicMs();
    const slot = await entrance.enter({ flow, callId, actor: part.actor }, server, requested.deadlineMs);
    const queuedMs = Math.round(clock.monotonicMs() - enteredMs);
    const run = { jti: callTokenId(callId, 1), attempt: 1, timeoutMs: server.terms.limits.timeoutMs };
    return { verdict: { step: 'run', ...part, run, queuedMs }, go: { requested, server, slot } };
  }
}

function undeliverable(): RefusedError {
  const message = 'The request could not be handled in four deliveries; report it with its call id.';
  return new RefusedError('ERR_UNDELIVERABLE', message);
}

/** A call id of another time could be one that the ledger has forgotten. */
function checkAge({ callId }: CallSubject, { storedAtMs }: StoredFact): void {
  if (Math.abs(callIdTimeMs(callId) - storedAtMs) <= CALL_ID_SKEW_MS) return;
  const message = 'The call id is more than ten minutes old or ahead; make a new UUIDv7, and check the clock.';
  throw new RefusedError('ERR_CALL_ID_INVALID', message);
}

function partOf({ flow }: CallSubject, actor: Actor, requested: Requested, answer: Answer): DecisionPart {
  const { decision, flowGeneration, server, offered } = answer;
  const { name, url } = server.terms;
  return {
    actor,
    rule: decision.rule,
    flow: { name: flow, generation: flowGeneration },
    server: { name, generation: server.generation, url, authentication: authenticationLabel(server.terms) },
    tool: requested.tool,
    toolDefinitionSha256: offered.sha256,
    argumentsSha256: argumentsSha256(requested.arguments),
    retrySafe: decision.retrySafe,
  };
}
