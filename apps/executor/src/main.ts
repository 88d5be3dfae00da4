import { CONSUMERS } from '@flow-mcp/contracts';
import { runService } from '@flow-mcp/service-host';
import { executorConfig } from './config.js';
import { executorModule } from './module.js';

/** Calls that wait or run in this process; each server and person has a bound of its own far below. */
const IN_FLIGHT_MAX = 1_000;

await runService({
  name: 'executor',
  config: executorConfig,
  env: process.env,
  module: executorModule,
  inFlightMax: {
    [CONSUMERS.executorRequested.durable]: IN_FLIGHT_MAX,
    [CONSUMERS.executorDecided.durable]: IN_FLIGHT_MAX,
  },
});
