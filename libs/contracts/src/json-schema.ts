// JSON Schema of a contract: what is frozen in snapshots and what other languages read in AsyncAPI.

import { z } from 'zod';

/** A JSON Schema, draft 7 (the dialect of AsyncAPI 3.0 payloads). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * What a zod schema accepts, as draft 7. Refinements (units, "exactly one of") have no JSON Schema form;
 * the fixtures cover them.
 */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...body } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
  return body;
}
