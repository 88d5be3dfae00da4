// What several messages of version 1 share.

import { CALL_ID_PATTERN, NAME_PATTERN, type ErrorCode, type JsonObject } from '@flow-mcp/kernel';
import { z } from 'zod';
import type { ObjectOf } from '../contract.js';

/** A DNS label; it stands in subjects. */
export const name = z.string().regex(NAME_PATTERN, 'Must be a DNS label: a-z, 0-9 and -, at most 63 characters');

/** A call's id, a lower-case UUIDv7. */
export const callId = z.string().regex(CALL_ID_PATTERN, 'Must be a lower-case UUIDv7');

/** The name of a tool as its MCP server gives it. */
export const toolName = z
  .string()
  .min(1)
  .max(128)
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
  .regex(/^[^\u0000-\u001f\u007f]+$/, 'Must hold no control characters');

/** SHA-256, lower-case hex. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'Must be a SHA-256 in lower-case hex');

/** Unix time in milliseconds. */
export const epochMs = z.int().nonnegative();

/** A number of milliseconds. */
export const durationMs = z.int().nonnegative();

/** Any JSON object; depth and duplicate names were checked while parsing. */
export const jsonObject = z.record(z.string(), z.unknown()) as unknown as z.ZodType<JsonObject>;

/** A sentence for people. */
export const sentence = z.string().max(1000);

/** A stable error code. Open: a reader must not stumble over one that is newer than it is. */
export const errorCode = z
  .string()
  .regex(/^ERR_[A-Z0-9_]{1,60}$/, 'Must be an error code') as unknown as z.ZodType<ErrorCode>;

/** A compact JWS (RFC 7515 §3.1). */
export const compactJws = z
  .string()
  .max(16_384)
  .regex(/^[\w-]+\.[\w-]+\.[\w-]+$/, 'Must be a compact JWS');

/** HMAC-SHA256 as base64url. */
export const hmac = z.string().regex(/^[\w-]{43}$/, 'Must be an HMAC-SHA256 in base64url without padding');

/** A person, as verified by us: issuer and subject identify, the rest describes. */
export const actor = (object: ObjectOf) =>
  object({
    iss: z.string().max(512),
    sub: z.string().min(1).max(256),
    email: z.string().max(320).exactOptional(),
    name: z.string().max(256).exactOptional(),
    groups: z.array(z.string().max(256)).max(512),
    admin: z.boolean(),
  });

/** The schema of a verified person; see `Actor`. */
export const actorSchema = actor(z.strictObject);

/** A verified person. */
export type Actor = z.output<typeof actorSchema>;

/** Whom a binding names: a group, a person by e-mail, or a person by OIDC subject. */
export const binding = (object: ObjectOf) =>
  object({
    groupName: z.string().min(1).max(256).exactOptional(),
    userEmail: z.string().min(1).max(320).exactOptional(),
    id: z.string().min(1).max(256).exactOptional(),
  }).refine((given) => Object.values(given).filter((value) => value !== undefined).length === 1, {
    message: 'Must have exactly one of groupName, userEmail and id',
  });

/** See `binding`. */
export type Binding = z.output<ReturnType<typeof binding>>;

/** The rule that decided, by a stable id (`flow.read`, `tools.deny`, `confirmation.tools[0]`) and in words. */
export const rule = (object: ObjectOf) => object({ id: z.string().max(128), text: sentence });

/** See `rule`. */
export type Rule = z.output<ReturnType<typeof rule>>;
