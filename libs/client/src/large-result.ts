// Large results, read in pieces and verified.

import { createHash } from 'node:crypto';
import { resultRpc, type Settled } from '@flow-mcp/contracts';
import { RefusedError, isJsonObject, type JsonObject } from '@flow-mcp/kernel';
import type { Person } from './person.js';
import type { CallKey } from './request.js';

/**
 * A result from the object store.
 * @throws RefusedError `ERR_RESULT_LOST` when what is stored is not what was settled; RetryableError
 */
export async function fetchResult(
  person: Person,
  call: CallKey,
  { sha256, bytes }: NonNullable<Settled['resultRef']>,
): Promise<JsonObject> {
  const pieces: Buffer[] = [];
  for (let offset: number | undefined = 0; offset !== undefined && offset < bytes;) {
    const piece: { base64: string; nextOffset?: number } = await person.ask(resultRpc, { ...call, offset });
    pieces.push(Buffer.from(piece.base64, 'base64'));
    offset = piece.nextOffset !== undefined && piece.nextOffset > offset ? piece.nextOffset : undefined;
  }
  const whole = Buffer.concat(pieces);
  if (createHash('sha256').update(whole).digest('hex') !== sha256) throw lost();
  const result: unknown = JSON.parse(whole.toString('utf8'));
  if (!isJsonObject(result)) throw lost();
  return result;
}

function lost(): RefusedError {
  return new RefusedError('ERR_RESULT_LOST', 'The stored result is not the one that was settled; report it.');
}
