// The registry's configuration; its table is in the README of this app.

import { BROKER_FIELDS, HTTP_FIELDS, PEOPLE_FIELDS, commaList, defineConfig, integer } from '@flow-mcp/service-host';
import type { z } from 'zod';

/** See `config` of the service host: each field is the variable FLOWMCP_<FIELD>. */
export const registryConfig = defineConfig({
  ...HTTP_FIELDS,
  ...BROKER_FIELDS,
  ...PEOPLE_FIELDS,
  creatorGroups: commaList().prefault('').meta({
    description: 'Groups whose members may create servers and Flows, besides administrators; separated by commas.',
  }),
  discoveryIntervalMs: integer(1_000, 86_400_000).prefault('60000').meta({
    unit: 'ms',
    description: 'How often a healthy server is asked for its tools, give or take a tenth.',
  }),
  discoveryBackoffMinMs: integer(100, 3_600_000).prefault('1000').meta({
    unit: 'ms',
    description: 'How soon a server that could not be asked is asked again; doubled each time.',
  }),
  discoveryBackoffMaxMs: integer(1_000, 86_400_000).prefault('300000').meta({
    unit: 'ms',
    description: 'The longest that a server which cannot be asked is left alone.',
  }),
  discoveryConcurrency: integer(1, 256).prefault('8').meta({
    description: 'How many servers are asked at once.',
  }),
});

/** See `registryConfig`. */
export type RegistryConfig = z.output<typeof registryConfig>;
