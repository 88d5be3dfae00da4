// What a service is given to build its module from.

import type { BrokerConnection } from '@flow-mcp/messaging';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Readiness } from './readiness.js';

/** The surroundings of one service. */
export interface Host<C> {
  /** The service's name, e.g. `registry`. */
  readonly name: string;
  readonly config: C;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /**
   * Aborts when the service begins to stop: what starts work by itself, such as timers, ends with it. What handlers
   * use must live on until they have finished: release that in `onApplicationShutdown`.
   */
  readonly draining: AbortSignal;
}

/** The surroundings of a service on the broker. */
export interface BrokerHost<C> extends Host<C> {
  readonly broker: BrokerConnection;
}

/** A service whose configuration has `natsUrl` is on the broker. */
export type HostOf<C> = C extends { natsUrl: string } ? BrokerHost<C> : Host<C>;
