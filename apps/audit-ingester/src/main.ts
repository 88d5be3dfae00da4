import { runService } from '@flow-mcp/service-host';
import { auditIngesterConfig } from './config.js';
import { auditIngesterModule } from './module.js';

await runService({
  name: 'audit-ingester',
  config: auditIngesterConfig,
  env: process.env,
  module: (host) => auditIngesterModule(host),
});
