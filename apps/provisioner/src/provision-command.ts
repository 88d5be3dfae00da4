// `provisioner [--dry-run]`: streams, consumers, buckets and tables.

import { inboxPrefix } from '@flow-mcp/contracts';
import { createClickHouse } from '@flow-mcp/clickhouse';
import { connectBroker, provision, type BrokerConnection, type ProvisionStep } from '@flow-mcp/messaging';
import { loadConfig, readSecretFile, type Environment } from '@flow-mcp/service-host';
import { provisionerConfig, type ProvisionerConfig } from './config.js';

/** Prints a line for whoever runs this. */
export type Say = (line: string) => void;

/** Provisions what `env` names; with `dryRun` only says what would change. Running it again changes nothing more. */
export async function provisionCommand(env: Environment, dryRun: boolean, say: Say): Promise<void> {
  const config = loadConfig(provisionerConfig, env);
  const broker = await open(config, say);
  try {
    const steps = await provision(broker, config, { dryRun });
    for (const step of steps) say(inWords(step, dryRun));
    say(summary(steps, dryRun));
  } finally {
    await broker.close();
  }
  await migrate(config, dryRun, say);
}

function open(
  { natsUrl, natsSeedFile, natsName, natsCluster }: ProvisionerConfig,
  say: Say,
): Promise<BrokerConnection> {
  return connectBroker({
    servers: natsUrl,
    name: 'provisioner',
    inboxPrefix: inboxPrefix('provisioner'),
    expect: { serverName: natsName, cluster: natsCluster },
    report: say,
    ...(natsSeedFile === undefined ? {} : { seedFile: natsSeedFile }),
  });
}

const VERBS = {
  create: { done: 'Created', planned: 'Would create' },
  update: { done: 'Changed', planned: 'Would change' },
  none: { done: 'Found as it must be:', planned: 'Found as it must be:' },
} as const;

function inWords({ target, action, differences }: ProvisionStep, dryRun: boolean): string {
  const verb = VERBS[action][dryRun ? 'planned' : 'done'];
  return `${verb} ${target}${differences.length === 0 ? '' : ` (${differences.join(', ')})`}.`;
}

function summary(steps: readonly ProvisionStep[], dryRun: boolean): string {
  const changes = steps.filter(({ action }) => action !== 'none').length;
  if (changes === 0) return 'The broker is as it must be; nothing changed.';
  return dryRun ? `Nothing was changed; without --dry-run ${changes} would be.` : `The broker is ready.`;
}

async function migrate(config: ProvisionerConfig, dryRun: boolean, say: Say): Promise<void> {
  const { clickhouseUrl, clickhouseUser, clickhousePasswordFile, clickhouseDatabase } = config;
  if (clickhouseUrl === undefined) return;
  if (dryRun) return say('Would apply the migrations that ClickHouse has not seen yet.');
  const clickhouse = createClickHouse({
    url: clickhouseUrl,
    user: clickhouseUser,
    password: clickhousePasswordFile === undefined ? '' : readSecretFile(clickhousePasswordFile),
    database: clickhouseDatabase,
  });
  try {
    const applied = await clickhouse.migrate();
    say(applied.length === 0 ? 'ClickHouse has every migration.' : `Applied to ClickHouse: ${applied.join(', ')}.`);
  } finally {
    await clickhouse.close();
  }
}
