// The configuration of audit-ingester.

import { BROKER_FIELDS, HTTP_FIELDS, PEOPLE_FIELDS, defineConfig } from '@flow-mcp/service-host';
import { z } from 'zod';

/** See `config` of the service host: each field is the variable FLOWMCP_<FIELD>. */
export const auditIngesterConfig = defineConfig({
  ...HTTP_FIELDS,
  ...BROKER_FIELDS,
  ...PEOPLE_FIELDS,
  clickhouseUrl: z
    .url({ protocol: /^https?$/, error: 'must be the http or https URL of ClickHouse' })
    .meta({ description: 'Where ClickHouse’s HTTP interface is, `http://host:8123`.' }),
  clickhouseUser: z.string().min(1).default('flowmcp').meta({
    description: 'ClickHouse user that may insert and select.',
  }),
  clickhousePasswordFile: z.string().min(1).meta({ description: 'File with that user’s password.' }),
  clickhouseDatabase: z.string().min(1).default('flowmcp').meta({
    description: 'Database of the audit trail, made by the provisioner.',
  }),
});

/** See `auditIngesterConfig`. */
export type AuditIngesterConfig = z.output<typeof auditIngesterConfig>;
