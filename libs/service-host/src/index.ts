export { openBrokerClock } from './broker-clock.js';
export {
  BROKER_FIELDS,
  HTTP_FIELDS,
  PEOPLE_FIELDS,
  type BrokerConfig,
  type HostConfig,
  type PeopleConfig,
} from './common-config.js';
export {
  commaList,
  configTable,
  defineConfig,
  describeConfig,
  flag,
  integer,
  loadConfig,
  readSecretFile,
  type ConfigSchema,
  type Environment,
  type FieldDoc,
} from './config.js';
export type { BrokerHost, Host, HostOf } from './host.js';
export { createLogger, type LogLevel, type Logger } from './logger.js';
export { Metrics, type MetricDoc } from './metrics.js';
export { nearest } from './nearest.js';
export type { ReadinessCheck, ReadinessReport } from './readiness.js';
export { openPeople } from './people.js';
export { runService } from './run-service.js';
export { startService, type RunningService, type ServiceOptions } from './start-service.js';
export type { Trace } from './trace.js';
