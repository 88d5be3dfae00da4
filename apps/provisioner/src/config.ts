// The provisioner's configuration; its table is in the README of this app.

import { PROVISION_DEFAULTS } from '@flow-mcp/messaging';
import { BROKER_FIELDS, defineConfig, integer } from '@flow-mcp/service-host';
import { z } from 'zod';

const BYTES_MAX = 2 ** 49;
const standard = (value: number): string => String(value);

/** See `config` of the service host: each field is the variable FLOWMCP_<FIELD>. */
export const provisionerConfig = defineConfig({
  ...BROKER_FIELDS,
  replicas: integer(1, 5)
    .prefault(standard(PROVISION_DEFAULTS.replicas))
    .meta({ description: 'Copies of every stream: 1 on one server, 3 in a cluster.' }),
  ledgerBytesMax: integer(1, BYTES_MAX)
    .prefault(standard(PROVISION_DEFAULTS.ledgerBytesMax))
    .meta({ unit: 'bytes', description: 'Size of the ledger after which no new call is taken.' }),
  accessBytesMax: integer(1, BYTES_MAX)
    .prefault(standard(PROVISION_DEFAULTS.accessBytesMax))
    .meta({ unit: 'bytes', description: 'Refused sign-ins kept; older ones go first.' }),
  ackWaitMs: integer(1_000, 600_000)
    .prefault(standard(PROVISION_DEFAULTS.ackWaitMs))
    .meta({ unit: 'ms', description: 'After how long without a sign of life another replica gets a message.' }),
  resultsKeptMs: integer(60_000, 31_536_000_000)
    .prefault(standard(PROVISION_DEFAULTS.resultsKeptMs))
    .meta({ unit: 'ms', description: 'How long a large result can be fetched.' }),
  resultsBytesMax: integer(1, BYTES_MAX)
    .prefault(standard(PROVISION_DEFAULTS.resultsBytesMax))
    .meta({ unit: 'bytes', description: 'Size of all large results after which no further one is stored.' }),
  clickhouseUrl: z.url('must be an http or https URL').optional().meta({
    description: 'Where ClickHouse is; without it only the broker is provisioned.',
  }),
  clickhouseUser: z.string().default('flowmcp').meta({ description: 'The user that may change the schema.' }),
  clickhousePasswordFile: z.string().optional().meta({ description: 'File with that user’s password.' }),
  clickhouseDatabase: z.string().default('flowmcp').meta({ description: 'The database that holds the audit trail.' }),
});

/** See `provisionerConfig`. */
export type ProvisionerConfig = z.output<typeof provisionerConfig>;
