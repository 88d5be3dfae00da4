// Work in a pooled session, whether it has to be opened first, is shared, or was forgotten by the server.

import { untilAborted } from './deadline.js';
import { UpstreamFailure } from './failure.js';
import type { RequestContext } from './request-context.js';
import type { SessionOpener } from './session-opener.js';
import type { SessionPool } from './session-pool.js';
import type { Session } from './session.js';
import type { UpstreamServer } from './upstream.js';

/** Where sessions come from. */
export interface Sessions {
  readonly pool: SessionPool;
  readonly opener: SessionOpener;
}

/** Whose session is used, and for what. */
export interface SessionUse {
  readonly server: UpstreamServer;
  /** Empty: ourselves. */
  readonly person: string;
  readonly context: RequestContext;
  /** The server has forgotten the session, so did not do the work; a new session is tried next. */
  readonly onSessionLost?: () => void;
}

/** Runs `work` in the session; once more in a new one if the server has forgotten the first. */
export async function inSession<T>(
  sessions: Sessions,
  use: SessionUse,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  try {
    return await attempt(sessions, use, work);
  } catch (error) {
    if (!isSessionLost(error)) throw error;
    use.onSessionLost?.();
    return attempt(sessions, use, work);
  }
}

function attempt<T>({ pool, opener }: Sessions, use: SessionUse, work: (session: Session) => Promise<T>): Promise<T> {
  const { server, person, context } = use;
  const key = poolKey(server, person);
  const open = () => opener.open(server, context.headers);
  return pool.use(key, open, async (opening) => {
    const session = await untilAborted(opening, context.signal);
    try {
      return await work(session);
    } catch (error) {
      if (isSessionLost(error)) pool.discard(key, session);
      throw error;
    }
  });
}

/** Everything that must not be mixed in one session. */
function poolKey({ name, generation, url, protocol }: UpstreamServer, person: string): string {
  return JSON.stringify([name, generation, url, protocol, person]);
}

function isSessionLost(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.sessionLost;
}
