// What a followed fact changes in the table of pending calls.
//
// A fact that cannot be read changes nothing and stops nobody: it is reported, and the next one is taken. A cancel
// counts whatever its payload is, because its subject says all that matters and stopping is the safe side.

import { HEADERS, cancelV1, parseCallSubject, verdictV1, votedV1 } from '@flow-mcp/contracts';
import { PoisonError, RefusedError } from '@flow-mcp/kernel';
import type { StoredFact } from '@flow-mcp/messaging';
import { messageOf } from './facts.js';
import type { Cancelled, PendingCalls, SeenFact } from './pending-calls.js';

/** Told of facts that cannot be read. */
export type ReportUnreadable = (subject: string, error: unknown) => void;

/** Takes a fact that the broker has stored. */
export function onFact(table: PendingCalls, stored: StoredFact, report: ReportUnreadable): void {
  try {
    const seen = seenFactOf(stored);
    if (seen !== undefined) table.apply(seen);
  } catch (error) {
    if (!(error instanceof RefusedError || error instanceof PoisonError)) throw error;
    report(stored.subject, error);
  }
}

/** A stored fact as the table takes it; `undefined` for kinds that holding does not depend on. */
export function seenFactOf(stored: StoredFact): SeenFact | undefined {
  const { flow, callId, fact, voter = '' } = parseCallSubject(stored.subject);
  const place = { flow, callId };
  const { storedAtMs } = stored;
  switch (fact) {
    case 'verdict':
      return { ...place, fact, verdict: messageOf(verdictV1, stored), storedAtMs, ...traceOf(stored) };
    case 'voted':
      return { ...place, fact, cast: { voter, storedAtMs, vote: messageOf(votedV1, stored) } };
    case 'cancel':
      return { ...place, fact, cancelled: cancelledOf(stored) };
    case 'decided':
      return { ...place, fact };
    default:
      return undefined;
  }
}

function cancelledOf(stored: StoredFact): Cancelled {
  try {
    const { reason } = messageOf(cancelV1, stored);
    return reason === undefined ? {} : { reason };
  } catch {
    return {};
  }
}

function traceOf({ headers }: StoredFact): { traceparent?: string } {
  const traceparent = headers.get(HEADERS.traceparent);
  return traceparent === undefined ? {} : { traceparent };
}
