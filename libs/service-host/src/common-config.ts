// The fields that services share, so that they are called the same everywhere.

import { z } from 'zod';
import { commaList, integer } from './config.js';

/** Logs and HTTP: every process of ours has these. */
export const HTTP_FIELDS = {
  httpHost: z.string().default('127.0.0.1').meta({
    description: 'Address on which health, metrics and the service’s own HTTP are served; 0.0.0.0 in a container.',
  }),
  httpPort: integer(0, 65_535).prefault('0').meta({
    description: 'Port of the same; 0 takes a free one and prints it in the ready line.',
  }),
  logLevel: z.enum(['debug', 'info', 'warn', 'error'], 'must be debug, info, warn or error').default('info').meta({
    description: 'The least important log line that is written.',
  }),
  drainDelayMs: integer(0, 60_000).prefault('0').meta({
    unit: 'ms',
    description: 'How long /readyz says 503 before work stops, for load balancers that poll it.',
  }),
  drainTimeoutMs: integer(100, 600_000).prefault('20000').meta({
    unit: 'ms',
    description: 'How long running work may take to end after SIGTERM; then the process exits with 1.',
  }),
};

/** The broker. */
export const BROKER_FIELDS = {
  natsUrl: z.string().min(1).meta({
    description: 'Where NATS is, `nats://host:4222`; several servers of one cluster separated by commas.',
  }),
  natsSeedFile: z.string().optional().meta({
    description: 'File with the nkey seed of this service’s NATS user; without it no authentication is attempted.',
  }),
  natsName: z.string().optional().meta({
    description: 'The `server_name` that must answer, so that a wrong broker is never written to; this or the cluster.',
  }),
  natsCluster: z.string().optional().meta({
    description: 'The name of the cluster that must answer; this or the server name.',
  }),
};

/** Who people are. */
export const PEOPLE_FIELDS = {
  issuer: z.url('must be the issuer’s URL').meta({
    description: 'Whose OIDC tokens are accepted; its keys are found by OpenID Connect discovery.',
  }),
  audience: z.string().min(1).default('flow-mcp').meta({
    description: 'The audience that a person’s token must name.',
  }),
  adminGroups: commaList().prefault('').meta({
    description: 'Groups whose members may do everything, audited like everyone; separated by commas.',
  }),
};

/** `HTTP_FIELDS`, read. */
export type HostConfig = z.output<z.ZodObject<typeof HTTP_FIELDS>>;

/** `BROKER_FIELDS`, read. */
export type BrokerConfig = z.output<z.ZodObject<typeof BROKER_FIELDS>>;

/** `PEOPLE_FIELDS`, read. */
export type PeopleConfig = z.output<z.ZodObject<typeof PEOPLE_FIELDS>>;
