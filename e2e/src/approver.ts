// Somebody who accepts a held call, whatever happens to the service that takes the vote.

import { setTimeout as pause } from 'node:timers/promises';
import type { Flow, HeldCall } from '@flow-mcp/client';

const VOTE_AGAIN_MS = 1_000;

/**
 * Accepts, and again every second until `taken` resolves: a replica that dies or is paused may have taken the request
 * with it. A vote that is stored already is the same vote.
 */
export async function accept(flow: Flow, { callId, digest }: HeldCall, taken: Promise<unknown>): Promise<void> {
  const done = taken.then(() => true);
  do {
    void flow.decide({ callId, digest, vote: 'accept' }).catch(() => undefined);
  } while (!(await Promise.race([done, pause(VOTE_AGAIN_MS)])));
}
