// The outcome of a call that is over.

import { LIMITS, callSubject, decode, settledV1, type Settled } from '@flow-mcp/contracts';
import { RefusedError } from '@flow-mcp/kernel';
import type { Ledger } from '@flow-mcp/messaging';
import type { CallKey } from './request.js';

/** What a call settled with. @throws RefusedError `ERR_NOT_FOUND` when there is no outcome yet; RetryableError */
export async function settledOf(ledger: Pick<Ledger, 'read'>, { flow, callId }: CallKey): Promise<Settled> {
  const stored = await ledger.read(callSubject(flow, callId, 'settled'));
  if (stored !== undefined) return decode(settledV1, stored.payload, LIMITS.messageBytes);
  throw new RefusedError('ERR_NOT_FOUND', 'The call has no outcome yet; wait for it.', { field: 'callId' });
}

/** @throws RefusedError `ERR_NOT_FOUND` for a call that was never asked for, `ERR_NOT_PENDING` for one that is over */
export async function checkStoppable(ledger: Pick<Ledger, 'read'>, { flow, callId }: CallKey): Promise<void> {
  const [requested, settled] = await Promise.all([
    ledger.read(callSubject(flow, callId, 'requested')),
    ledger.read(callSubject(flow, callId, 'settled')),
  ]);
  if (requested === undefined)
    throw new RefusedError('ERR_NOT_FOUND', `Flow ${flow} has no such call.`, { field: 'callId' });
  if (settled === undefined) return;
  const { outcome } = decode(settledV1, settled.payload, LIMITS.messageBytes);
  throw new RefusedError('ERR_NOT_PENDING', `The call is over already: ${outcome}.`, { field: 'callId' });
}
