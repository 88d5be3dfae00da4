// What a person reads when something went wrong, and what to do next.

import { FlowMcpError, describeError, errorCode, type ErrorCode } from '@flow-mcp/kernel';
import type { Io } from './io.js';
import { safeJson, safeLine } from './safe-text.js';
import type { Format } from './screen.js';
import { styleOf } from './style.js';

const NEXT: Partial<Record<ErrorCode, string>> = {
  ERR_TOKEN_INVALID: 'Sign in: --as PERSON at the development issuer, or put a token into FLOWMCP_TOKEN.',
  ERR_TOKEN_EXPIRED: 'Put a fresh token into FLOWMCP_TOKEN, or sign in with --as PERSON.',
  ERR_BROKER_UNAVAILABLE: '`npm start` runs everything on this machine.',
  ERR_BROKER_NOT_OURS: '`npm start` runs everything on this machine, and says where.',
  ERR_SERVICE_UNAVAILABLE: '`npm start` runs everything on this machine.',
  ERR_TOOL_NOT_VISIBLE: '`flow-mcp tools` lists what you may call.',
  ERR_CONFLICT: '`flow-mcp get` shows what is there now.',
  ERR_NOT_PENDING: '`flow-mcp pending` lists what waits.',
};

/** Writes an error to stderr, as JSON for `-o json`. */
export function reportError(io: Io, error: unknown, format: Format): void {
  const code = errorCode(error);
  const field = error instanceof FlowMcpError ? error.field : undefined;
  const message = error instanceof FlowMcpError ? error.message : describeError(error);
  if (format === 'json') {
    io.stderr(`${safeJson({ error: { code, message, ...(field === undefined ? {} : { field }) } })}\n`);
    return;
  }
  const { colors } = styleOf(io.terminal);
  const where = field === undefined || field === '' ? '' : ` at ${safeLine(field)}`;
  const next = NEXT[code];
  io.stderr(`${colors.red('error')} ${safeLine(message)}\n`);
  io.stderr(`${colors.dim(`${code}${where}; docs/errors.md explains it`)}\n`);
  if (next !== undefined) io.stderr(`${next}\n`);
}
