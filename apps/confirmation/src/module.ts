// Puts the confirmation service together from its surroundings, and starts what works without being asked: the replay
// of the ledger, the broker's clock and the expiry. All three end when the service drains.

import { STREAMS, everyCall } from '@flow-mcp/contracts';
import { openKeyRing, signReceipt } from '@flow-mcp/identity';
import { describeError } from '@flow-mcp/kernel';
import { BrokerClock, createLedger } from '@flow-mcp/messaging';
import { openBrokerClock, openPeople, type BrokerHost } from '@flow-mcp/service-host';
import type { DynamicModule } from '@nestjs/common';
import type { ConfirmationConfig } from './config.js';
import { DecideController } from './decide.js';
import { Expiry } from './expiry.js';
import { CallFacts } from './facts.js';
import { HeldCalls, type SignReceipt } from './held-calls.js';
import { HeldController } from './held.js';
import { holdMetrics, type HoldMetrics } from './metrics.js';
import { PendingController } from './pending.js';
import { PendingCalls } from './pending-calls.js';
import { PEOPLE, type People } from './people.js';
import { Replay } from './replay.js';

type Host = BrokerHost<ConfirmationConfig>;

class ConfirmationModule {}

/** The service's module; `people` is for tests. @throws RefusedError `ERR_CONFIG_INVALID` for unusable keys */
export async function confirmationModule(host: Host, people: People = openPeople(host)): Promise<DynamicModule> {
  const clock = openBrokerClock(host, STREAMS.LEDGER.name, everyCall('verdict'));
  const table = startReplay(host);
  const metrics = holdMetrics(host.metrics, () => clock.nowMs());
  const calls = await openCalls(host, { table, clock, metrics });
  startExpiry(host, calls, { clock, metrics });
  return {
    module: ConfirmationModule,
    controllers: [DecideController, PendingController, HeldController],
    providers: [
      { provide: PEOPLE, useValue: people },
      { provide: HeldCalls, useValue: calls },
      { provide: BrokerClock, useValue: clock },
    ],
  };
}

function startReplay(host: Host): PendingCalls {
  const table = new PendingCalls();
  const replay = new Replay(host.broker, table, (subject, err) =>
    host.logger.error({ subject, err }, 'A fact cannot be read and is left out.'),
  );
  host.readiness.add('replay', () => (replay.isCaughtUp ? undefined : 'The ledger is being read.'));
  keepRunning(host, 'replay', replay.run(host.draining));
  return table;
}

interface Parts {
  readonly table: PendingCalls;
  readonly clock: BrokerClock;
  readonly metrics: HoldMetrics;
}

async function openCalls({ broker, config }: Host, { table, clock, metrics }: Parts): Promise<HeldCalls> {
  const ring = await openKeyRing(config.receiptKeysFile, 'receipt');
  const facts = new CallFacts(createLedger(broker, STREAMS.LEDGER.name), () => clock.nowMs());
  const sign: SignReceipt = (decision) => signReceipt(ring, decision, clock.nowMs());
  return new HeldCalls(table, facts, sign, (call, decision) => metrics.decided(call, decision));
}

function startExpiry(host: Host, calls: HeldCalls, { clock, metrics }: Omit<Parts, 'table'>): void {
  const expiry = new Expiry(calls, clock, {
    pending: (count) => metrics.pending(count),
    failed: ({ flow, callId }, err) => host.logger.warn({ flow, callId, err }, 'A call could not be decided yet.'),
  });
  keepRunning(host, 'expiry', expiry.run(host.draining));
}

/** A part that ends before the service drains makes the service not ready, and says why. */
function keepRunning({ readiness, logger }: Host, part: string, running: Promise<void>): void {
  let problem: string | undefined;
  readiness.add(`${part}-runs`, () => problem);
  running.catch((err: unknown) => {
    problem = describeError(err);
    logger.fatal({ err, part }, 'A part of the service ended.');
  });
}
