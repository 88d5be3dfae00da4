// The configuration of the confirmation service; its table is in the README of this app.

import { BROKER_FIELDS, HTTP_FIELDS, PEOPLE_FIELDS, defineConfig } from '@flow-mcp/service-host';
import { z } from 'zod';

/** See `config` of the service host: each field is the variable FLOWMCP_<FIELD>. */
export const confirmationConfig = defineConfig({
  ...HTTP_FIELDS,
  ...BROKER_FIELDS,
  ...PEOPLE_FIELDS,
  receiptKeysFile: z
    .string()
    .min(1)
    .meta({ description: 'Private JWKS that signs decisions; read again when it changes. No other service has it.' }),
});

/** See `confirmationConfig`. */
export type ConfirmationConfig = z.output<typeof confirmationConfig>;
