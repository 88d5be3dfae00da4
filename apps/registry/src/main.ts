import { runService } from '@flow-mcp/service-host';
import { registryConfig } from './config.js';
import { registryModule } from './module.js';

await runService({ name: 'registry', config: registryConfig, env: process.env, module: registryModule });
