// Puts the executor together from its surroundings.

import { RESULTS_BUCKET, STREAMS, everyCall } from '@flow-mcp/contracts';
import { createLedger, openObjects, subscribeStored, type Ledger, type StoredFact } from '@flow-mcp/messaging';
import { openBrokerClock, openPeople, type BrokerHost } from '@flow-mcp/service-host';
import type { Upstream } from '@flow-mcp/upstream';
import type { DynamicModule, Provider } from '@nestjs/common';
import { Admission } from './admission.js';
import type { Steps } from './advance.js';
import { ArgumentSchemas } from './argument-schema.js';
import { CallLog } from './call-log.js';
import { Cancellations } from './cancellations.js';
import type { Clock } from './clock.js';
import type { ExecutorConfig } from './config.js';
import { Credentials } from './credentials.js';
import { DiscoverController } from './discover.controller.js';
import { Entrance } from './entrance.js';
import { followRegistry } from './follow-registry.js';
import { Holds, askConfirmation } from './holds.js';
import { Judge } from './judge.js';
import { KeysController, PUBLISHED_KEYS } from './keys.controller.js';
import { LedgerRoom } from './ledger-room.js';
import { LostRuns } from './lost-runs.js';
import { loadMetrics, settledMetrics } from './metrics.js';
import { OnDecided } from './on-decided.js';
import { OnRequested } from './on-requested.js';
import { openUpstream } from './open-upstream.js';
import { PassController } from './pass.controller.js';
import { openProofs, type Proofs } from './proofs.js';
import { RegistryCopy } from './registry-copy.js';
import { ResultController, type ObjectPieces } from './result.controller.js';
import { Results, type Objects } from './results.js';
import { Resumer } from './resume.js';
import { Runner } from './runner.js';
import { Secrets } from './secrets.js';
import { Shutdown } from './shutdown.js';
import { CLOCK, DRAINING, OBJECTS, PASSES, PEOPLE, STEPS, UPSTREAM } from './tokens.js';

class ExecutorModule {}

type ExecutorHost = BrokerHost<ExecutorConfig>;

/** What everything else is built from. */
interface Parts {
  readonly ledger: Ledger;
  readonly objects: Objects & ObjectPieces;
  readonly proofs: Proofs;
  readonly registry: RegistryCopy;
  readonly upstream: Upstream;
  readonly cancellations: Cancellations;
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** Aborts when nothing may be waited for any more. */
  readonly stopping: AbortController;
}

/** @throws RefusedError `ERR_CONFIG_INVALID` */
export async function executorModule(host: ExecutorHost): Promise<DynamicModule> {
  const parts = await openParts(host);
  return {
    module: ExecutorModule,
    controllers: [OnRequested, OnDecided, PassController, DiscoverController, ResultController, KeysController],
    providers: [
      ...providers(host, parts),
      ...lifeOfACall(host, parts),
      { provide: Shutdown, useValue: shutdown(host, parts) },
    ],
  };
}

async function openParts(host: ExecutorHost): Promise<Parts> {
  const { broker, config } = host;
  const proofs = await openProofs(config);
  const clock = openClock(host);
  return {
    ledger: createLedger(broker, STREAMS.LEDGER.name),
    objects: openObjects(broker, RESULTS_BUCKET),
    proofs,
    registry: followRegistry(host),
    upstream: await openUpstream(host),
    clock,
    cancellations: new Cancellations(),
    credentials: new Credentials(proofs.ring, config.outboundIssuer, new Secrets(config.secretsDir), clock),
    stopping: new AbortController(),
  };
}

function openClock(host: ExecutorHost): Clock {
  const { name, subject } = STREAMS.REGISTRY;
  const broker = openBrokerClock(host, name, subject);
  return { brokerMs: () => broker.nowMs(), wallMs: () => Date.now(), monotonicMs: () => performance.now() };
}

function providers(host: ExecutorHost, { proofs, registry, upstream, credentials, objects, clock }: Parts): Provider[] {
  const { ring, passes, receiptKeys } = proofs;
  return [
    { provide: RegistryCopy, useValue: registry },
    { provide: Credentials, useValue: credentials },
    { provide: PEOPLE, useValue: openPeople(host) },
    { provide: PASSES, useValue: passes },
    { provide: UPSTREAM, useValue: upstream },
    { provide: OBJECTS, useValue: objects },
    { provide: CLOCK, useValue: clock },
    { provide: DRAINING, useValue: host.draining },
    { provide: PUBLISHED_KEYS, useValue: { callSigning: () => ring.publicJwks(), receipts: receiptKeys } },
  ];
}

/** The way of a call: judge, run, settle; and again after a hold. */
function lifeOfACall({ broker, config, logger, draining, metrics }: ExecutorHost, parts: Parts): Provider[] {
  const { ledger, objects, proofs, registry, upstream, cancellations, credentials, clock } = parts;
  const { passes, receiptKeys } = proofs;
  const graceMs = config.runGraceMs;
  const stopping = parts.stopping.signal;
  const room = new LedgerRoom();
  room.watch(ledger, logger, draining);
  const log = new CallLog(ledger, clock.wallMs, settledMetrics(metrics));
  const admission = new Admission(clock.monotonicMs);
  loadMetrics(metrics, admission, upstream);
  const entrance = new Entrance(admission, cancellations, clock, draining);
  const holds = new Holds(askConfirmation(broker), clock);
  const schemas = new ArgumentSchemas();
  const isCancelled = async (of: StoredFact) => (await log.read(of, 'cancel')) !== undefined;
  const judge = new Judge({ registry, passes, schemas, room, holds, entrance, clock, isCancelled });
  const publish = (subject: string, payload: Uint8Array) => broker.publish(subject, payload);
  const results = new Results(objects, logger);
  const runner = new Runner({ log, upstream, results, cancellations, credentials, clock, publish, stopping });
  const lost = new LostRuns(clock.monotonicMs);
  const steps: Steps = { log, runner, registry, entrance, lost, clock, graceMs, stopping };
  return [
    { provide: CallLog, useValue: log },
    { provide: STEPS, useValue: steps },
    { provide: Judge, useValue: judge },
    { provide: Resumer, useValue: new Resumer(registry, entrance, { passes, receiptKeys, log }, clock) },
  ];
}

function shutdown({ broker }: ExecutorHost, { cancellations, upstream, stopping }: Parts): Shutdown {
  const stopListening = subscribeStored(broker, everyCall('cancel'), ({ subject }) => cancellations.cancel(subject));
  return new Shutdown(async () => {
    stopListening();
    stopping.abort();
    await upstream.close();
  });
}
