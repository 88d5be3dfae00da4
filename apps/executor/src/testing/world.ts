// A broker, an MCP server and an executor in memory, for tests in which things die: what an executor process knows dies
// with it, the world stays.

import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HEADERS,
  callSubject,
  discoveredV1,
  encode,
  requestedV1,
  resourceChangedV1,
  resourceSubject,
  type Actor,
  type MCPServer,
  type Settled,
} from '@flow-mcp/contracts';
import {
  KEY_FILES,
  createPassAuthority,
  generateKeys,
  openKeyRing,
  openPublicKeys,
  signWithSecret,
} from '@flow-mcp/identity';
import type { JsonObject } from '@flow-mcp/kernel';
import { MessageHeaders, type Delivery, type Disposition, type StoredFact } from '@flow-mcp/messaging';
import type { CallAnswer } from '@flow-mcp/upstream';
import { Admission } from '../admission.js';
import type { Steps } from '../advance.js';
import { ArgumentSchemas } from '../argument-schema.js';
import { CallLog, type FactStore, type SingleFact } from '../call-log.js';
import { Cancellations } from '../cancellations.js';
import type { Clock } from '../clock.js';
import type { Credentials } from '../credentials.js';
import { Entrance } from '../entrance.js';
import { Holds } from '../holds.js';
import { Judge } from '../judge.js';
import { LedgerRoom } from '../ledger-room.js';
import { LostRuns } from '../lost-runs.js';
import { OnDecided } from '../on-decided.js';
import { OnRequested } from '../on-requested.js';
import { RegistryCopy } from '../registry-copy.js';
import { Results } from '../results.js';
import { Resumer } from '../resume.js';
import { Runner } from '../runner.js';

export const FLOW = 'payments';
export const CALL_ID = '01932b4c-8f00-7abc-8def-0123456789ab';
/** The time that the call id names. */
export const NOW = 0x01932b4c8f00;

const person = (sub: string, ...groups: string[]): Actor => ({
  iss: 'https://issuer.example',
  sub,
  groups,
  admin: false,
});
/** May read the Flow. */
export const ALICE = person('alice', 'support');
/** May read the Flow and decide. */
export const BOB = person('bob', 'support', 'sre');
/** May read the Flow, and not decide. */
export const DAVE = person('dave', 'support');
/** May decide. */
export const ERIN = person('erin', 'sre');

/** What executors issue and verify passes with. */
export const passes = createPassAuthority([{ kid: 'test', key: randomBytes(32) }]);

const keyDir = mkdtempSync(join(tmpdir(), 'executor-keys-'));
await generateKeys(keyDir);
/** The confirmation service's own key. */
export const receiptRing = await openKeyRing(join(keyDir, KEY_FILES.receipt), 'receipt');
const receiptKeys = await openPublicKeys(join(keyDir, KEY_FILES.receiptPublic), 'receipt');

const NEEDS_ID = { type: 'object', required: ['id'] };
const never = new AbortController().signal;

/** How the server is registered and behaves. */
export interface Setup {
  spec?: Partial<MCPServer['spec']>;
  answer?: () => CallAnswer;
  heldAlready?: string;
  /** The definition's hash; another one is another tool. */
  toolSha256?: string;
  inputSchema?: JsonObject;
}

/** A ledger in memory whose k-th I/O dies, before or after it took effect; the upstream counts as I/O. */
export class World {
  readonly facts = new Map<string, StoredFact>();
  /** Outcomes that metrics were told of. */
  readonly counted: string[] = [];
  executions = 0;
  deaths = 0;
  monotonicMs = 0;
  wallMs = NOW;
  #io = 0;
  readonly #dieAt: number;
  readonly #when: 'before' | 'after';

  constructor(dieAt = 0, when: 'before' | 'after' = 'before') {
    this.#dieAt = dieAt;
    this.#when = when;
  }

  step<T>(effect: () => T): T {
    const dies = ++this.#io === this.#dieAt;
    this.deaths += dies ? 1 : 0;
    if (dies && this.#when === 'before') throw new Error('died');
    const value = effect();
    if (dies) throw new Error('died');
    return value;
  }

  readonly store: FactStore = {
    append: async (subject, payload, headers) =>
      this.step(() => {
        if (this.facts.has(subject)) return { result: 'other' as const };
        this.put(subject, payload, headers);
        return { result: 'mine' as const };
      }),
    read: async (subject) => this.step(() => this.facts.get(subject)),
  };

  put(subject: string, payload: Uint8Array, headers: Iterable<readonly [string, string]> = []): StoredFact {
    const fact = { subject, payload, headers: new MessageHeaders(headers), seq: 1, storedAtMs: NOW, nonce: 'n' };
    this.facts.set(subject, fact);
    return fact;
  }

  read<T>(fact: SingleFact): T | undefined {
    const found = this.facts.get(callSubject(FLOW, CALL_ID, fact));
    return found && (JSON.parse(Buffer.from(found.payload).toString()) as T);
  }

  settled(): Settled | undefined {
    return this.read('settled');
  }

  /** At least once, as JetStream delivers: a new process after each death, time passing between deliveries. */
  async deliver(fact: StoredFact, setup: Setup = {}): Promise<number> {
    let executor = executorIn(this, setup);
    for (let deliveryCount = 1; deliveryCount <= 8; deliveryCount++) {
      try {
        const disposition = await executor.handle({ fact, deliveryCount, draining: never });
        if ('ack' in disposition) return deliveryCount;
        this.monotonicMs += Math.max(disposition.nakMs, 1);
      } catch {
        executor = executorIn(this, setup);
        this.monotonicMs += 30_000;
      }
    }
    throw new Error('not acked after eight deliveries');
  }
}

/** An executor process, with whichever handler the delivered fact is for. */
export function executorIn(world: World, setup: Setup = {}): { handle(delivery: Delivery): Promise<Disposition> } {
  const clock = clockOf(world);
  const cancellations = new Cancellations();
  const registry = registryWith(setup);
  const log = new CallLog(world.store, clock.wallMs, ({ outcome }) => world.counted.push(outcome));
  const entrance = new Entrance(new Admission(clock.monotonicMs), cancellations, clock, never);
  const holds = new Holds(async () => setup.heldAlready, clock);
  const schemas = new ArgumentSchemas();
  const isCancelled = async (of: StoredFact) => (await log.read(of, 'cancel')) !== undefined;
  const judge = new Judge({ registry, passes, schemas, room: new LedgerRoom(), holds, entrance, clock, isCancelled });
  const resumer = new Resumer(registry, entrance, { passes, receiptKeys: () => receiptKeys.read(), log }, clock);
  const runner = runnerIn(world, setup, { log, cancellations });
  const lost = new LostRuns(clock.monotonicMs);
  const steps: Steps = { log, runner, registry, entrance, lost, clock, graceMs: 5_000, stopping: never };
  const [onRequested, onDecided] = [new OnRequested(steps, judge), new OnDecided(steps, resumer)];
  return {
    handle: (delivery) => (delivery.fact.subject.endsWith('.decided') ? onDecided : onRequested).handle(delivery),
  };
}

function clockOf(world: World): Clock {
  const wallMs = () => world.wallMs;
  return { brokerMs: wallMs, wallMs, monotonicMs: () => world.monotonicMs };
}

function runnerIn(world: World, setup: Setup, parts: { log: CallLog; cancellations: Cancellations }): Runner {
  const answer = setup.answer ?? (() => ({ kind: 'answered', result: { content: [] }, isError: false }));
  return new Runner({
    ...parts,
    upstream: { call: async () => world.step(() => ((world.executions += 1), answer())) },
    results: new Results({ put: async () => undefined }, { error: () => undefined } as never),
    credentials: {} as Credentials,
    clock: clockOf(world),
    publish: () => undefined,
    stopping: never,
  });
}

/** What a request may differ in from a good one. */
export interface RequestOver {
  payload?: string;
  headers?: Record<string, string>;
  args?: object;
  deadlineMs?: number;
}

/** Alice's request, stored in the world. */
export function request(world: World, { payload: text, headers, args, deadlineMs }: RequestOver = {}): StoredFact {
  const subject = callSubject(FLOW, CALL_ID, 'requested');
  const message = {
    method: 'tools/call',
    server: 'plural',
    tool: 'get_account',
    arguments: args ?? { id: 'acc-1' },
    deadlineMs: deadlineMs ?? NOW + 30_000,
  };
  const payload = text === undefined ? encode(requestedV1, message as never) : Buffer.from(text);
  const { pass, secret } = passes.issue(ALICE, FLOW, NOW);
  const signed = { [HEADERS.pass]: pass, [HEADERS.hmac]: signWithSecret(secret, subject, payload), ...headers };
  return world.put(subject, payload, Object.entries(signed));
}

function registryWith({ spec = {}, toolSha256 = 'a'.repeat(64), inputSchema = NEEDS_ID }: Setup): RegistryCopy {
  const registry = new RegistryCopy();
  const apply = (kind: 'MCPServer' | 'Flow', name: string, given: object) => {
    const resource = { apiVersion: 'deployments.plural.sh/v1alpha1', kind, metadata: { name }, spec: given };
    const changed = { change: 'applied', resource, changedBy: ALICE, diff: [] };
    registry.applyResource(resourceSubject(kind, name, 1), encode(resourceChangedV1, changed as never));
  };
  apply('MCPServer', 'plural', { url: 'https://plural.example', ...spec });
  const serverAssociations = [{ mcpServerRef: { name: 'plural' } }];
  apply('Flow', FLOW, { bindings: { read: [{ groupName: 'support' }] }, serverAssociations });
  const definition = { name: 'get_account', inputSchema };
  const health = { reason: 'ok' as const, message: '', checkedAtMs: 1 };
  const tools = [{ sha256: toolSha256, definition }];
  registry.applyTools('plural', encode(discoveredV1, { server: 'plural', generation: 1, health, tools }));
  return registry;
}
