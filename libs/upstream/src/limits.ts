// What an MCP server may cost us. Per call limits (time, result size) are in the call.

/** Bounds on servers and on what is kept for them. */
export interface UpstreamLimits {
  /** Per address: TCP and TLS. */
  readonly connectTimeoutMs: number;
  /** For opening a session, both transports of AUTO included. */
  readonly initializeTimeoutMs: number;
  /** Within a JSON body. A stream may be silent for as long as its call may take. */
  readonly idleMs: number;
  /** One message that is no answer to a call: `initialize`, a page of tools, the server's own messages. */
  readonly messageBytesMax: number;
  /** Events in one stream, or since the last answer on a stream that is shared. */
  readonly eventsMax: number;
  /** Sessions of people kept open; the longest unused one makes room. Those in use count, but are never closed. */
  readonly sessionsMax: number;
  /** A person's session that nobody used for so long is closed. */
  readonly sessionIdleMs: number;
  /** As `sessionIdleMs`, for the sessions that listen for changed tools. Longer than the time between discoveries. */
  readonly discoveryIdleMs: number;
  /** Pages of one listing, and tools in all of them. */
  readonly pagesMax: number;
  readonly toolsMax: number;
}

/** Used where `createUpstream` is told nothing else. */
export const DEFAULT_LIMITS: UpstreamLimits = {
  connectTimeoutMs: 5_000,
  initializeTimeoutMs: 15_000,
  idleMs: 15_000,
  messageBytesMax: 4 * 1024 * 1024,
  eventsMax: 10_000,
  sessionsMax: 1_000,
  sessionIdleMs: 5 * 60_000,
  discoveryIdleMs: 60 * 60_000,
  pagesMax: 64,
  toolsMax: 5_000,
};

/** What a stream may send besides its answer: progress, keep-alives, the server's own messages. */
export const STREAM_SLACK_BYTES = 4 * 1024 * 1024;

/** One event on a stream that is shared by many calls; each call's own limit applies as well. */
export const SHARED_EVENT_BYTES_MAX = 16 * 1024 * 1024;
