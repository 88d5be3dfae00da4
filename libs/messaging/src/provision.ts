// Makes streams, durable consumers and buckets what they must be, once per deployment.
//
// 1. Running it again changes nothing that is right already.
// 2. Nothing is deleted, and nothing is made anew: what cannot be changed in place is an error that says so.

import { RefusedError } from '@flow-mcp/kernel';
import { BrokerApiError, NOT_FOUND, callBroker } from './broker-api.js';
import type { BrokerConnection } from './connection.js';
import { consumerConfigs, streamConfigs, type ConsumerConfig, type ProvisionOptions } from './stream-configs.js';
import { streamInfo, type StreamConfig } from './stream-state.js';

/** What was done, or would be with `dryRun`. */
export interface ProvisionStep {
  /** E.g. `stream LEDGER`. */
  readonly target: string;
  readonly action: 'create' | 'update' | 'none';
  /** For an update, what differs: `max_bytes 1024 -> 2048`. */
  readonly differences: readonly string[];
}

/**
 * Provisions the broker.
 * @throws RefusedError `ERR_CONFIG_INVALID` when something exists that cannot become what it must be;
 *   RetryableError `ERR_BROKER_UNAVAILABLE`
 */
export async function provision(
  connection: BrokerConnection,
  options: ProvisionOptions,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<readonly ProvisionStep[]> {
  const steps: ProvisionStep[] = [];
  for (const config of streamConfigs(options)) steps.push(await provisionStream(connection, config, dryRun));
  for (const [stream, config] of consumerConfigs(options)) {
    steps.push(await provisionConsumer(connection, stream, config, dryRun));
  }
  return steps;
}

async function provisionStream(
  connection: BrokerConnection,
  config: StreamConfig,
  dryRun: boolean,
): Promise<ProvisionStep> {
  const existing = await orMissing(streamInfo(connection, config.name), NOT_FOUND.stream);
  const step = stepOf(`stream ${config.name}`, config, existing?.config);
  if (step.action === 'none' || dryRun) return step;
  const verb = step.action === 'create' ? 'CREATE' : 'UPDATE';
  const body = { ...existing?.config, ...config };
  await callBroker(connection, `STREAM.${verb}.${config.name}`, body).catch(explain(step));
  return step;
}

async function provisionConsumer(
  connection: BrokerConnection,
  stream: string,
  config: ConsumerConfig,
  dryRun: boolean,
): Promise<ProvisionStep> {
  const { durable_name: name, filter_subject: filter } = config;
  const info = callBroker<{ config: ConsumerConfig }>(connection, `CONSUMER.INFO.${stream}.${name}`);
  const existing = await orMissing(info, NOT_FOUND.consumer, NOT_FOUND.stream);
  const step = stepOf(`consumer ${name} on ${stream}`, config, existing?.config);
  if (step.action === 'none' || dryRun) return step;
  const body = { stream_name: stream, config: { ...existing?.config, ...config } };
  await callBroker(connection, `CONSUMER.CREATE.${stream}.${name}.${filter}`, body).catch(explain(step));
  return step;
}

/** Compares the fields that we set; the broker fills in many more. */
function stepOf(target: string, wanted: object, existing: object | undefined): ProvisionStep {
  if (existing === undefined) return { target, action: 'create', differences: [] };
  const differences = differencesOf(wanted, existing);
  return { target, action: differences.length === 0 ? 'none' : 'update', differences };
}

/** Where `existing` is not as `wanted`, as `field is -> wanted`. What the broker leaves out is `false` or 0. */
export function differencesOf(wanted: object, existing: object): string[] {
  const present = new Map(Object.entries(existing));
  return Object.entries(wanted)
    .map(([field, value]) => [field, JSON.stringify(value), JSON.stringify(present.get(field))] as const)
    .filter(([, value, is]) => value !== is && !(is === undefined && (value === 'false' || value === '0')))
    .map(([field, value, is]) => `${field} ${is ?? '(unset)'} -> ${value}`);
}

async function orMissing<T>(info: Promise<T>, ...codes: readonly number[]): Promise<T | undefined> {
  try {
    return await info;
  } catch (error) {
    if (error instanceof BrokerApiError && codes.includes(error.errCode)) return undefined;
    throw error;
  }
}

/** Invariant 2. */
function explain({ target, action, differences }: ProvisionStep): (error: unknown) => never {
  return (cause) => {
    if (!(cause instanceof BrokerApiError)) throw cause;
    const what = action === 'update' ? `change ${differences.join(', ')}` : 'create it';
    const message = `The broker cannot ${what} for ${target}: ${cause.message}. Correct that by hand, then run this again.`;
    throw new RefusedError('ERR_CONFIG_INVALID', message, { cause });
  };
}
