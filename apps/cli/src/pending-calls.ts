// Held calls, as a person must see them to decide.

import { RPCS, type PendingCall } from '@flow-mcp/contracts';
import { RefusedError, type EpochMs } from '@flow-mcp/kernel';
import { safeBlock, safeJson, safeLine } from './safe-text.js';
import type { Style } from './style.js';
import type { Transport } from './transport.js';
import { acceptancesInWords, approversInWords, durationInWords, personInWords } from './words.js';

/** Held calls, of one Flow or of all. */
export async function pendingCalls(transport: Transport, flow: string | undefined): Promise<readonly PendingCall[]> {
  return (await transport.ask(RPCS.pending, flow === undefined ? {} : { flow })).calls;
}

/**
 * The one held call that an id, or its beginning, names.
 * @throws RefusedError `ERR_NOT_PENDING`; `ERR_CONFIG_INVALID` when it names several
 */
export function findPending(calls: readonly PendingCall[], id: string): PendingCall {
  const found = calls.filter(({ callId }) => callId.startsWith(id.toLowerCase()));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  if (found.length === 0) {
    throw new RefusedError('ERR_NOT_PENDING', `No call ${id} waits for a person, as far as you may see.`);
  }
  throw new RefusedError('ERR_CONFIG_INVALID', `${found.length} waiting calls begin with ${id}; give the whole id.`);
}

/** One held call, in full: a person decides on what is shown here. */
export function pendingText(call: PendingCall, nowMs: EpochMs, style: Style): string {
  const { colors } = style;
  const left = call.expiresAtMs - nowMs;
  const names = [call.flow, call.server, call.tool].map(safeLine).join(' · ');
  const head = `${colors.bold(safeLine(call.callId))}  ${names}  ${colors.yellow(leftInWords(left))}\n`;
  const needs = `${acceptancesInWords(call.approvals)}, ${call.accepted} so far; ${approversInWords(call)}`;
  return [
    head,
    style.fields([
      ['for', personInWords(call.requester)],
      ...(call.reason === undefined ? [] : [['because', call.reason] as const]),
      ['rule', call.rule.text],
      ['needs', needs],
      ['yours', call.mayDecide ? `flow-mcp accept ${call.callId}` : 'not yours to decide'],
    ]),
    argumentsText(call.arguments),
  ].join('');
}

function argumentsText(given: object): string {
  const text = safeJson(given);
  return `${safeBlock(text).replace(/^/gm, '    ')}\n`;
}

function leftInWords(ms: number): string {
  return ms > 0 ? `${durationInWords(ms)} left` : 'expired';
}
