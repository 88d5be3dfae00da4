// The digests that bind what a person saw, what policy decided and what runs to each other (design section 6).
// Each is SHA-256 in lower-case hex over RFC 8785 canonical JSON in UTF-8.

import type { Actor, Rule, ToolDefinition } from '@flow-mcp/contracts';
import type { CallId, EpochMs, JsonObject, Name } from '@flow-mcp/kernel';
import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';

/** Keeps the hash of a hold from ever being the hash of something else that is canonical JSON. */
const HOLD_DOMAIN = 'flow-mcp-hold/v1\n';

/** What a person's decision is about: everything that must still be true when the call runs. */
export interface HoldContent {
  readonly callId: CallId;
  readonly flow: Name;
  readonly actor: Actor;
  readonly server: { readonly name: Name; readonly url: string; readonly authentication: string };
  readonly tool: string;
  readonly toolDefinitionSha256: string;
  readonly rule: Rule;
  readonly arguments: JsonObject;
  readonly expiresAtMs: EpochMs;
  readonly runBeforeMs: EpochMs;
  /** Random: short arguments cannot be guessed from the digest. */
  readonly nonce: string;
}

/** Digest of a tool's arguments, as in the verdict and in the call's JWT. @throws RefusedError `ERR_MESSAGE_INVALID` */
export function argumentsSha256(given: JsonObject): string {
  return sha256Hex(canonicalJson(given));
}

/** Digest of a tool's whole definition; another digest means another tool. @throws RefusedError `ERR_MESSAGE_INVALID` */
export function toolDefinitionSha256(tool: ToolDefinition): string {
  return sha256Hex(canonicalJson(tool));
}

/** The digest that votes, receipts and the resumed call agree on. @throws RefusedError `ERR_MESSAGE_INVALID` */
export function holdDigest(content: HoldContent): string {
  return sha256Hex(HOLD_DOMAIN + canonicalJson(content));
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
