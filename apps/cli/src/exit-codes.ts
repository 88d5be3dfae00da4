// What the shell is told.

import { RetryableError, errorCode, type ErrorCode } from '@flow-mcp/kernel';

/** Exit codes of every command. */
export const EXIT = {
  /** Done; for `call`: the tool succeeded. */
  ok: 0,
  /** Refused, or ended with any other outcome. */
  failed: 1,
  /** The command line or the settings are wrong; nothing was asked for. */
  usage: 2,
  /** Broker or service away; the same command may work later. */
  unavailable: 3,
  /** `call --no-wait`: a person must decide first. */
  held: 4,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

const USAGE: readonly ErrorCode[] = ['ERR_CONFIG_INVALID'];
const AWAY: readonly ErrorCode[] = ['ERR_BROKER_NOT_OURS'];

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof RetryableError) return EXIT.unavailable;
  const code = errorCode(error);
  if (AWAY.includes(code)) return EXIT.unavailable;
  if (USAGE.includes(code)) return EXIT.usage;
  return EXIT.failed;
}
