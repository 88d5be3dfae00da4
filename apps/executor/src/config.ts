// The executor's configuration; its table is in the README of this app.

import {
  BROKER_FIELDS,
  HTTP_FIELDS,
  PEOPLE_FIELDS,
  commaList,
  defineConfig,
  flag,
  integer,
} from '@flow-mcp/service-host';
import { z } from 'zod';

/** See `config` of the service host: each field is the variable FLOWMCP_<FIELD>. */
export const executorConfig = defineConfig({
  ...HTTP_FIELDS,
  ...BROKER_FIELDS,
  ...PEOPLE_FIELDS,
  outboundIssuer: z.url('must be the URL under which our keys are published').meta({
    description: '`iss` of the JWTs that go to MCP servers; its `/.well-known/jwks.json` must lead here.',
  }),
  callKeysFile: z
    .string()
    .meta({ description: 'Private JWKS that signs the JWTs for MCP servers; read again when it changes.' }),
  passKeysFile: z.string().meta({ description: 'JWKS with the master key of passes; the same for all executors.' }),
  receiptKeysFile: z
    .string()
    .meta({ description: 'Public JWKS of the confirmation service, by which decisions are verified.' }),
  secretsDir: z
    .string()
    .optional()
    .meta({ description: 'Directory of secrets for header values, one `<name>.json` each.' }),
  runGraceMs: integer(0, 600_000).prefault('5000').meta({
    unit: 'ms',
    description: 'How long beyond its time-out a lost run is left alone; longer than its JWT is accepted.',
  }),
  upstreamAllow: commaList().prefault('').meta({
    description:
      'Private addresses that MCP servers may have: `10.1.0.0/16`, `10.1.2.3` or `jira.internal:443`, separated by commas. Public ones always may.',
  }),
  upstreamAllowLoopback: flag().prefault('false').meta({
    description: 'Development only: MCP servers may be on this machine.',
  }),
  upstreamResolve: commaList().prefault('').meta({
    description:
      'Development only: `host:port=address:port` pairs that replace the answer of DNS; separated by commas.',
  }),
  upstreamCaFile: z
    .string()
    .optional()
    .meta({ description: 'PEM file of a further certificate authority for MCP servers.' }),
});

/** See `executorConfig`. */
export type ExecutorConfig = z.output<typeof executorConfig>;
