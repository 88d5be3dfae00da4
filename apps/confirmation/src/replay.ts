// Fills the table from the ledger: from its start, and then as facts are stored. There is no other copy to restore, so
// a restart loses nothing and any replica can take over from any other.
//
// `settled` is not followed: a held call settles only after `decided`, which closes it here, and settled facts carry
// results, which would make every restart read gigabytes.

import { STREAMS, everyCall } from '@flow-mcp/contracts';
import { follow, type BrokerConnection } from '@flow-mcp/messaging';
import { onFact, type ReportUnreadable } from './on-fact.js';
import type { PendingCalls } from './pending-calls.js';

const FOLLOWED = ['verdict', 'voted', 'cancel', 'decided'] as const;

/** See the file's header. */
export class Replay {
  private readonly connection: BrokerConnection;
  private readonly table: PendingCalls;
  private readonly report: ReportUnreadable;
  private readonly behind = new Set<string>(FOLLOWED);

  constructor(connection: BrokerConnection, table: PendingCalls, report: ReportUnreadable) {
    this.connection = connection;
    this.table = table;
    this.report = report;
  }

  /** Whether everything that was stored at the start is in the table. */
  get isCaughtUp(): boolean {
    return this.behind.size === 0;
  }

  /** Follows until `signal` aborts. @throws RefusedError `ERR_NOT_PERMITTED` */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(FOLLOWED.map((fact) => this.follow(fact, signal)));
  }

  private follow(fact: (typeof FOLLOWED)[number], signal: AbortSignal): Promise<void> {
    return follow(this.connection, STREAMS.LEDGER.name, {
      filter: everyCall(fact),
      fromSeq: 1,
      onFact: (stored) => onFact(this.table, stored, this.report),
      onCaughtUp: () => this.behind.delete(fact),
      signal,
    }).done;
  }
}
