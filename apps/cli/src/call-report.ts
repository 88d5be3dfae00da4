// What a person is told while a call is under way, and how it ended; on stderr.

import type { CallCallbacks, CallOutcome, HeldCall } from '@flow-mcp/client';
import type { Outcome } from '@flow-mcp/contracts';
import type { CallId } from '@flow-mcp/kernel';
import type { Io } from './io.js';
import { safeLine } from './safe-text.js';
import type { Screen } from './screen.js';
import type { Style } from './style.js';
import { acceptancesInWords, approversInWords, durationInWords, personInWords, timeInWords } from './words.js';

/** Tells what happens to one call. */
export interface CallReport {
  readonly requested: (callId: CallId) => void;
  readonly held: (held: HeldCall, waits: boolean) => void;
  readonly decided: NonNullable<CallCallbacks['onDecided']>;
  readonly progress: NonNullable<CallCallbacks['onProgress']>;
  /** Known once the request is stored. */
  callId(): CallId | undefined;
}

/** See `CallReport`. */
export function callReport(screen: Screen, io: Pick<Io, 'nowMs'>): CallReport {
  let id: CallId | undefined;
  // A call may be held before the broker's receipt of its request is here.
  const requested = (callId: CallId): void => {
    if (id !== undefined) return;
    id = callId;
    screen.aside(`${screen.style.colors.dim(`call ${callId}`)}\n`);
  };
  return {
    callId: () => id,
    requested,
    held: (held, waits) => {
      requested(held.callId);
      screen.aside(heldText(held, io.nowMs(), screen.style));
      if (waits) screen.note('Waiting for a decision. Ctrl-C offers to cancel the call or to leave it.');
    },
    decided: ({ decision, votes, reason }) => {
      const voters = votes.map(({ voter, vote, reason: why }) => `${personInWords(voter)}: ${vote}${quoted(why)}`);
      screen.note(`${decision}${quoted(reason)}${voters.length === 0 ? '' : ` (${voters.join('; ')})`}`);
    },
    progress: ({ progress, total, message }) => {
      const share = total === undefined ? String(progress) : `${progress}/${total}`;
      screen.note(`… ${share}${message === undefined ? '' : ` ${message}`}`);
    },
  };
}

/** Who may decide on a held call, and until when. */
function heldText(held: HeldCall, nowMs: number, style: Style): string {
  const left = durationInWords(held.expiresAtMs - nowMs);
  return [
    `${style.colors.yellow('held')} ${safeLine(held.server)} ${safeLine(held.tool)}: a person must decide first\n`,
    style.fields([
      ['rule', held.rule.text],
      ['who may decide', approversInWords(held)],
      ['needs', acceptancesInWords(held.approvals)],
      ['until', `${timeInWords(held.expiresAtMs)} (${left} left)`],
      ['decide with', `flow-mcp accept ${held.callId}`],
    ]),
  ].join('');
}

const MEANING: Readonly<Record<Outcome, string>> = {
  succeeded: '',
  tool_error: 'The tool ran and says that it failed.',
  denied: 'The call did not run.',
  declined: 'A person declined the call. It did not run.',
  expired: 'Nobody decided in time. The call did not run.',
  cancelled: 'The call was stopped before it could act.',
  busy: 'There was no room for the call. It did not run; try again in a while.',
  failed: '',
  unknown: 'The tool may or may not have run. Look at the server before you call again.',
};

/** How a call ended, in a line or two. */
export function outcomeText({ outcome, code, message, error, upstreamMs, callId }: CallOutcome, style: Style): string {
  const { colors } = style;
  const color = outcome === 'succeeded' ? colors.green : outcome === 'unknown' ? colors.yellow : colors.red;
  const took = upstreamMs === undefined ? '' : ` in ${durationInWords(upstreamMs)}`;
  const said = error === undefined ? undefined : `The server said: ${error.message} (${error.code}).`;
  const advice = outcome === 'unknown' || message === undefined ? MEANING[outcome] : '';
  const why = [message, said, advice].filter((text) => text !== undefined && text !== '').join(' ');
  return [
    `${color(outcome)}${took}${why === '' ? '' : `: ${safeLine(why)}`}\n`,
    code === undefined
      ? ''
      : `${colors.dim(`${code}; docs/errors.md explains it. flow-mcp audit ${callId} shows all`)}\n`,
  ].join('');
}

function quoted(reason: string | undefined): string {
  return reason === undefined ? '' : ` “${reason}”`;
}
