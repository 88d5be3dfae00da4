// How every service starts and stops.
//
//   S1. Configuration, broker, preflight, module, HTTP, readiness, and only then work: no message is handled by a
//       service that could not answer rightly, and /healthz and /readyz answer while it is still catching up.
//   S2. Stopping says 503 on /readyz first, then takes no new work and ends what runs, and only then closes HTTP: an
//       MCP server may still fetch our keys for a call that is running.
//   S3. Whatever fails at start closes what was opened before it.

import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { RetryableError } from '@flow-mcp/kernel';
import type { BrokerConnection } from '@flow-mcp/messaging';
import { JetStreamStrategy } from '@flow-mcp/messaging/nest';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { isBrokerConfig, openBroker } from './broker.js';
import type { HostConfig } from './common-config.js';
import { loadConfig, redactConfig, type ConfigSchema, type Environment } from './config.js';
import { ErrorFilter } from './error-filter.js';
import { HealthController } from './health.controller.js';
import type { Host, HostOf } from './host.js';
import { createLogger, nestLogger, type Logger } from './logger.js';
import { Metrics } from './metrics.js';
import { Readiness } from './readiness.js';
import { WatchInterceptor } from './watch-interceptor.js';

/** A service: its name, its configuration and its module. */
export interface ServiceOptions<C extends HostConfig> {
  /** The NATS user, the `service` of logs and metrics, e.g. `registry`. */
  readonly name: string;
  /** At least `HTTP_FIELDS`; with `BROKER_FIELDS` for a service on the broker. */
  readonly config: ConfigSchema<C>;
  readonly env: Environment;
  /** The service's controllers and providers, built from what it is given. */
  readonly module: (host: HostOf<C>) => DynamicModule | Promise<DynamicModule>;
  /** Messages held at once, by the name of the durable consumer; 256 unless told. */
  readonly inFlightMax?: Readonly<Record<string, number>>;
  /** Where its log goes; stdout unless told. */
  readonly logger?: Logger;
}

/** A service that runs. */
export interface RunningService {
  /** Where HTTP is served. */
  readonly url: string;
  readonly port: number;
  readonly logger: Logger;
  readonly drainTimeoutMs: number;
  /** Resolves when it takes work; rejects with `ERR_SERVICE_UNAVAILABLE` when it was stopped before. */
  readonly ready: Promise<void>;
  /** Resolves with the reason when the service cannot go on, such as a broker that is not ours any more. */
  readonly broken: Promise<Error>;
  /** Drains and closes everything. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts a service; returns when it serves HTTP, which is before it is `ready` (S1).
 * @throws RefusedError `ERR_CONFIG_INVALID`, `ERR_BROKER_NOT_OURS`; RetryableError `ERR_BROKER_UNAVAILABLE`.
 */
export async function startService<C extends HostConfig>(options: ServiceOptions<C>): Promise<RunningService> {
  const config = loadConfig(options.config, options.env);
  const logger = options.logger ?? createLogger(options.name, config.logLevel);
  logger.info({ config: redactConfig(config) }, 'Starting.');
  const broker = isBrokerConfig(config) ? await openBroker(options.name, config, logger) : undefined;
  try {
    const stopping = new AbortController();
    const host = hostOf({ name: options.name, config, logger, broker, draining: stopping.signal });
    const app = await createApp(host, await options.module(host as HostOf<C>));
    return await serve(app, host, { stopping, strategy: connectStrategy(app, host, options.inFlightMax) });
  } catch (error) {
    await broker?.close();
    throw error;
  }
}

type Surroundings = Host<HostConfig> & { readonly broker: BrokerConnection | undefined };

function hostOf<H extends Omit<Surroundings, 'metrics' | 'readiness'>>(given: H): H & Surroundings {
  const readiness = new Readiness();
  const { broker } = given;
  if (broker !== undefined) {
    readiness.add('broker', () => (broker.isConnected() ? undefined : 'The broker cannot be reached.'));
  }
  return { ...given, metrics: new Metrics(given.name), readiness };
}

interface Life {
  readonly stopping: AbortController;
  readonly strategy: JetStreamStrategy | undefined;
}

async function serve(app: NestExpressApplication, host: Surroundings, life: Life): Promise<RunningService> {
  await app.listen(host.config.httpPort, host.config.httpHost);
  const url = await app.getUrl();
  const ready = work(app, host, life);
  ready.catch(() => undefined);
  return {
    url,
    port: Number(new URL(url).port),
    logger: host.logger,
    drainTimeoutMs: host.config.drainTimeoutMs,
    ready,
    broken: brokenOf(host),
    stop: once(() => stop(app, host, life)),
  };
}

async function createApp(host: Surroundings, module: DynamicModule): Promise<NestExpressApplication> {
  const root: DynamicModule = {
    module: RootModule,
    imports: [module],
    controllers: [HealthController],
    providers: [
      { provide: Readiness, useValue: host.readiness },
      { provide: Metrics, useValue: host.metrics },
    ],
  };
  const app = await NestFactory.create<NestExpressApplication>(root, {
    logger: nestLogger(host.logger),
    abortOnError: false,
    forceCloseConnections: true,
  });
  app.disable('x-powered-by');
  app.useGlobalInterceptors(new WatchInterceptor(host.logger, host.metrics));
  app.useGlobalFilters(new ErrorFilter());
  return app;
}

/** Handlers of messages and rpc get the same interceptor and filter as those of HTTP. */
function connectStrategy(
  app: NestExpressApplication,
  { broker, name, config }: Surroundings,
  inFlightMax: ServiceOptions<HostConfig>['inFlightMax'] = {},
): JetStreamStrategy | undefined {
  if (broker === undefined) return undefined;
  const drainWithinMs = config.drainTimeoutMs * 0.8; // the rest is for closing what handlers used
  const options = { connection: broker, service: name, inFlightMax, drainWithinMs };
  const strategy = new JetStreamStrategy(options);
  app.connectMicroservice({ strategy }, { inheritAppConfig: true });
  return strategy;
}

class RootModule {}

/** S1: takes work once every check has passed. */
async function work(app: NestExpressApplication, host: Surroundings, { stopping }: Life): Promise<void> {
  await becomeReady(host);
  if (stopping.signal.aborted) throw stopped();
  await app.startAllMicroservices();
  const { port } = new URL(await app.getUrl());
  host.logger.info({ ready: true, pid: process.pid, port: Number(port) }, 'Ready.');
}

const READINESS_INTERVAL_MS = 50;
const REPORT_INTERVAL_MS = 5_000;

async function becomeReady({ readiness, logger, draining }: Surroundings): Promise<void> {
  let reportAt = performance.now() + REPORT_INTERVAL_MS;
  while (!draining.aborted) {
    const { ready, checks } = await readiness.reportOrRefuse();
    if (ready) return;
    if (performance.now() >= reportAt) {
      logger.warn({ checks }, 'Not ready yet.');
      reportAt += REPORT_INTERVAL_MS;
    }
    await sleep(READINESS_INTERVAL_MS);
  }
}

function stopped(): RetryableError {
  return new RetryableError('ERR_SERVICE_UNAVAILABLE', 'The service was stopped before it was ready.');
}

/** S2. The strategy closes the broker's connection behind the last answer. */
async function stop(app: NestExpressApplication, host: Surroundings, { stopping, strategy }: Life): Promise<void> {
  host.logger.info('Stopping.');
  host.readiness.drain();
  await sleep(host.config.drainDelayMs);
  stopping.abort();
  await strategy?.close();
  await app.close();
  host.logger.info('Stopped.');
}

async function brokenOf({ broker }: Surroundings): Promise<Error> {
  const reason = await broker?.closed;
  return reason ?? new Promise<never>(() => undefined);
}

function once<T>(start: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => (running ??= start());
}
