// The one line of an app's main.ts: a process around `startService`.

import type { HostConfig } from './common-config.js';
import { createLogger, type Logger } from './logger.js';
import { startService, type RunningService, type ServiceOptions } from './start-service.js';

/**
 * Runs a service until SIGTERM or SIGINT, then drains it and exits with 0; with 1 when it could not start, broke, or
 * did not drain within `drainTimeoutMs`. Prints a line with `"ready":true`, its name and its port when it takes work.
 */
export async function runService<C extends HostConfig>(options: ServiceOptions<C>): Promise<void> {
  const service = await startService(options).catch((error: unknown) => fail(options, 'Could not start.', error));
  let draining = false;
  const drain = (): void => {
    draining = true;
    void drainAndExit(service);
  };
  process.once('SIGTERM', drain);
  process.once('SIGINT', drain);
  process.once('uncaughtException', (error) => fail(options, 'A bug: stopping at once.', error));
  service.ready.catch((error: unknown) => draining || fail(options, 'Could not start.', error));
  fail(options, 'Cannot go on.', await service.broken);
}

async function drainAndExit(service: RunningService): Promise<void> {
  setTimeout(() => {
    service.logger.fatal('Work did not end in time.');
    process.exit(1);
  }, service.drainTimeoutMs).unref();
  await service.stop();
  process.exit(0);
}

function fail(options: { readonly name: string; readonly logger?: Logger }, message: string, error: unknown): never {
  const logger = options.logger ?? createLogger(options.name, 'error');
  logger.fatal({ err: error }, message);
  process.exit(1);
}
