// One replica of this service without Nest and broker: the real parts over the fake ledger.

import type { Actor } from '@flow-mcp/contracts';
import { RefusedError } from '@flow-mcp/kernel';
import { DecideController } from '../decide.js';
import { Expiry, type ExpiryReport } from '../expiry.js';
import { CallFacts } from '../facts.js';
import { HeldController } from '../held.js';
import { HeldCalls, type OnDecided } from '../held-calls.js';
import { onFact } from '../on-fact.js';
import { PendingController } from '../pending.js';
import { PendingCalls } from '../pending-calls.js';
import { ALICE, BOB, ERIN, JWS, MALLORY } from './examples.js';
import type { FakeLedger } from './fake-ledger.js';

const PEOPLE = new Map<string, Actor>([ALICE, BOB, ERIN, MALLORY].map((person) => [person.sub, person]));
const SILENT: ReplicaReport = { decided: () => undefined, failed: () => undefined };

/** What a replica tells a test. */
export interface ReplicaReport {
  readonly decided: OnDecided;
  readonly failed: ExpiryReport['failed'];
}

export class Replica {
  readonly table = new PendingCalls();
  readonly calls: HeldCalls;
  readonly decide: DecideController;
  readonly pending: PendingController;
  readonly held: HeldController;
  readonly expiry: Expiry;
  private readonly ledger: FakeLedger;

  constructor(ledger: FakeLedger, { decided, failed }: ReplicaReport = SILENT) {
    this.ledger = ledger;
    const nowMs = (): number => ledger.nowMs;
    const people = { verify: (token: string) => ledger.step(() => personOf(token)) };
    const sign = () => ledger.step(() => JWS);
    this.calls = new HeldCalls(this.table, new CallFacts(ledger, nowMs), sign, decided);
    this.decide = new DecideController(people, this.calls, { nowMs });
    this.pending = new PendingController(people, this.calls, { nowMs });
    this.held = new HeldController(this.calls, { nowMs });
    this.expiry = new Expiry(this.calls, { nowMs }, { failed, pending: () => undefined });
  }

  /** Sees everything that is stored. */
  follow(): this {
    for (const fact of this.ledger.all()) onFact(this.table, fact, (_, error) => rethrow(error));
    return this;
  }
}

/** In these tests a person's token is their subject. */
function personOf(token: string): Actor {
  const person = PEOPLE.get(token);
  if (person === undefined) throw new RefusedError('ERR_TOKEN_INVALID', 'The token is nobody’s.');
  return person;
}

function rethrow(error: unknown): never {
  throw error;
}
