// What an upstream's answer means for the call. Never a guess: what cannot be known is `unknown`.

import type { ErrorCode, JsonObject } from '@flow-mcp/kernel';

/** What an upstream MCP server did with a call. */
export type UpstreamAnswer =
  /** It answered; `isError` is the tool's own word. */
  | { readonly kind: 'answered'; readonly result: JsonObject; readonly isError: boolean }
  /** It answered with authority that it did not do it. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
  /** Not one byte of the call left us. */
  | { readonly kind: 'not_sent'; readonly code: ErrorCode; readonly message: string }
  /** Anything later. */
  | { readonly kind: 'unknown'; readonly code: ErrorCode; readonly message: string };

/** The outcome of a run, without where its result lies. */
export interface RunOutcome {
  readonly outcome: 'succeeded' | 'tool_error' | 'cancelled' | 'failed' | 'unknown';
  readonly code?: ErrorCode;
  readonly message?: string;
}

/** What is known of a run besides its answer. */
export interface RunEnd {
  readonly cancelled: boolean;
  /** 2 when an earlier run was lost, of which nothing is known. */
  readonly attempt: number;
}

/**
 * The outcome of a run. A cancelled one is `cancelled` only if it cannot have acted; and a second one that did not act
 * says nothing of the first.
 */
export function outcomeOf(answer: UpstreamAnswer, { cancelled, attempt }: RunEnd): RunOutcome {
  if (answer.kind === 'answered') return { outcome: answer.isError ? 'tool_error' : 'succeeded' };
  const { code, message } = answer;
  if (answer.kind === 'unknown' || attempt > 1)
    return { outcome: 'unknown', code: cancelled ? 'ERR_CANCELLED' : code, message };
  if (cancelled && answer.kind === 'not_sent')
    return { outcome: 'cancelled', code: 'ERR_CANCELLED', message: 'Cancelled before it was sent.' };
  return { outcome: 'failed', code, message };
}
