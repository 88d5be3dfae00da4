// The engine: ClickHouse in this process, one data folder, a session for each request.
//
//   E1. A session serves one request and is closed. Settings, parameters and the database live in the session, so
//       none of them can reach another request (chdb's own connection keeps them: a deduplication token that stayed
//       behind dropped later inserts without a word). Opening and closing one takes 0.2 ms.
//   E2. Sessions run in parallel, at most `SESSIONS`: libuv has four threads, and one stays free for files and gzip.
//   E3. Readers never take the last session, so a slow question cannot hold up the audit trail.

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Session } from 'chdb';
import { Slots } from './slots.js';
import type { User } from './users.js';

const SESSIONS = 3;
const WAITING_MAX = 256;

const ARGUMENTS = [
  `--config-file=${fileURLToPath(new URL('../engine.xml', import.meta.url))}`,
  '--async_insert=0',
  '--max_threads=2',
  '--max_memory_usage=1000000000',
  '--max_execution_time=60',
  // Parameters are set by a statement, and may be long.
  '--max_query_size=16777216',
  '--session_timezone=UTC',
];

export class Engine {
  private readonly all = new Slots(SESSIONS, WAITING_MAX);
  private readonly readers = new Slots(SESSIONS - 1, WAITING_MAX);
  /** Holds the data folder open between requests. */
  private readonly keeper: Session;

  constructor(private readonly dataDir: string) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    this.keeper = this.open();
  }

  /** Runs `work` on a session of its own. */
  run<T>(user: User, work: (session: Session) => Promise<T>): Promise<T> {
    if (user === 'reader') return this.readers.run(() => this.all.run(() => this.withSession(work)));
    return this.all.run(() => this.withSession(work));
  }

  /** Call it when no work is left. */
  close(): void {
    this.keeper.close();
  }

  private async withSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = this.open();
    try {
      return await work(session);
    } finally {
      session.close();
    }
  }

  private open(): Session {
    return new Session(this.dataDir, { connectionArgs: ARGUMENTS });
  }
}
