// Puts audit-ingester together, and starts what works without being asked: once the tables are there, both streams.

import { createClickHouse, type ClickHouse, type StreamIdentity } from '@flow-mcp/clickhouse';
import { RetryableError, describeError } from '@flow-mcp/kernel';
import { openPeople, readSecretFile, type BrokerHost } from '@flow-mcp/service-host';
import type { DynamicModule, OnApplicationShutdown } from '@nestjs/common';
import { AuditController } from './audit.controller.js';
import type { AuditIngesterConfig } from './config.js';
import { Ingester, type IngestReport } from './ingester.js';
import { insist } from './insist.js';
import { ingestMetrics } from './metrics.js';
import { AUDIT, PEOPLE, type People } from './parts.js';

type Host = BrokerHost<AuditIngesterConfig>;

const STREAMS_INGESTED: readonly StreamIdentity['stream'][] = ['LEDGER', 'REGISTRY'];

class AuditIngesterModule {}

/** Closes ClickHouse behind the last answer. */
class Shutdown implements OnApplicationShutdown {
  private readonly clickhouse: ClickHouse;

  constructor(clickhouse: ClickHouse) {
    this.clickhouse = clickhouse;
  }

  onApplicationShutdown(): Promise<void> {
    return this.clickhouse.close();
  }
}

/** The service's module; `people` is for tests. @throws RefusedError `ERR_CONFIG_INVALID` for an unusable password file */
export function auditIngesterModule(host: Host, people: People = openPeople(host)): DynamicModule {
  const clickhouse = openClickHouse(host);
  startIngesting(host, clickhouse);
  return {
    module: AuditIngesterModule,
    controllers: [AuditController],
    providers: [
      { provide: PEOPLE, useValue: people },
      { provide: AUDIT, useValue: clickhouse },
      { provide: Shutdown, useValue: new Shutdown(clickhouse) },
    ],
  };
}

function openClickHouse({ config, readiness }: Host): ClickHouse {
  const clickhouse = createClickHouse({
    url: config.clickhouseUrl,
    user: config.clickhouseUser,
    password: readSecretFile(config.clickhousePasswordFile),
    database: config.clickhouseDatabase,
  });
  readiness.add('clickhouse', () => clickhouse.ping().then(() => undefined));
  return clickhouse;
}

/** Ends when the service drains. What ends before makes the service not ready, and says why. */
function startIngesting(host: Host, clickhouse: ClickHouse): void {
  let missing: string | undefined = 'The tables are not there yet; run the provisioner.';
  host.readiness.add('ingest', () => missing);
  const report = reportTo(host);
  const run = async (): Promise<void> => {
    const onFailure = (error: RetryableError): void => report.failed('schema', error);
    await insist(() => demandTables(clickhouse), { signal: host.draining, onFailure });
    missing = undefined;
    const ingesters = STREAMS_INGESTED.map(
      (stream) => new Ingester({ stream, broker: host.broker, clickhouse, report }),
    );
    await Promise.all(ingesters.map((ingester) => ingester.run(host.draining)));
  };
  run().catch((err: unknown) => {
    if (host.draining.aborted) return;
    missing = describeError(err);
    host.logger.fatal({ err }, 'The audit trail cannot go on.');
  });
}

/** This service may not change the schema; the provisioner does. */
async function demandTables(clickhouse: ClickHouse): Promise<void> {
  const pending = await clickhouse.pendingMigrations();
  if (pending.length === 0) return;
  throw new RetryableError('ERR_DATABASE_UNAVAILABLE', `ClickHouse lacks ${pending.join(', ')}; run the provisioner.`);
}

function reportTo({ logger, metrics }: Host): IngestReport {
  const measured = ingestMetrics(metrics);
  return {
    ...measured,
    failed: (stream, err) => {
      logger.warn({ stream, err }, 'The audit trail waits; trying again.');
      measured.failed(stream, err);
    },
  };
}
