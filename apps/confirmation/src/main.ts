import { runService } from '@flow-mcp/service-host';
import { confirmationConfig } from './config.js';
import { confirmationModule } from './module.js';

await runService({
  name: 'confirmation',
  config: confirmationConfig,
  env: process.env,
  module: (host) => confirmationModule(host),
});
