// Puts the parts together: HTTP, sessions, calls and discovery behind the port.

import { addressPolicy, type AddressPolicyOptions } from './address-policy.js';
import { callTool } from './call-tool.js';
import { discoverTools } from './discover-tools.js';
import { systemLookup, type Lookup } from './guarded-connect.js';
import { HttpClient } from './http-client.js';
import { DEFAULT_LIMITS, type UpstreamLimits } from './limits.js';
import { SessionOpener } from './session-opener.js';
import { SessionPool } from './session-pool.js';
import type { ClientInfo } from './session.js';
import type { Upstream } from './upstream.js';

/** How MCP servers are reached. */
export interface UpstreamOptions {
  /** Who we say we are in `initialize`. */
  readonly clientInfo?: ClientInfo;
  /** What may be reached besides public addresses. */
  readonly addresses?: AddressPolicyOptions;
  /**
   * For development only: `host:port` of a url → `ip:port` to connect to instead of asking DNS. The address must be
   * allowed by `addresses` all the same, and TLS checks the certificate against the name in the url.
   */
  readonly resolveOverrides?: Readonly<Record<string, string>>;
  /** PEM certificates of authorities that are trusted besides the built-in ones. */
  readonly extraCa?: string;
  readonly limits?: Partial<UpstreamLimits>;
  /** Called, at most once in 250 ms per server, when a server says that its tools have changed. */
  readonly onToolsChanged?: (serverName: string) => void;
  /** Every address of a host name. Default: the operating system's resolver. */
  readonly lookup?: Lookup;
}

const COALESCE_MS = 250;

/** @throws Error if `addresses.allow` holds an entry that cannot be read */
export function createUpstream(options: UpstreamOptions = {}): Upstream {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const http = new HttpClient({
    policy: addressPolicy(options.addresses),
    lookup: options.lookup ?? systemLookup,
    resolveOverrides: options.resolveOverrides ?? {},
    extraCa: options.extraCa,
    timeoutMs: limits.connectTimeoutMs,
  });
  const opener = new SessionOpener({
    http,
    limits,
    clientInfo: options.clientInfo ?? { name: 'flow-mcp', version: '0.1.0' },
    onToolsChanged: coalesced(options.onToolsChanged ?? (() => undefined)),
  });
  const people = new SessionPool({ max: limits.sessionsMax, idleMs: limits.sessionIdleMs });
  const discoveries = new SessionPool({ max: limits.sessionsMax, idleMs: limits.discoveryIdleMs });
  let callsInFlight = 0;
  return {
    async call(request) {
      callsInFlight += 1;
      return callTool(request, { pool: people, opener }).finally(() => (callsInFlight -= 1));
    },
    discover: (request) => discoverTools(request, { pool: discoveries, opener }, limits),
    stats: () => ({ sessions: people.size, discoverySessions: discoveries.size, callsInFlight }),
    async close() {
      opener.close();
      await Promise.all([people.close(), discoveries.close()]);
      await http.close();
    },
  };
}

/** A server that says it again and again is heard once in a while. */
function coalesced(listener: (serverName: string) => void): (serverName: string) => void {
  const waiting = new Set<string>();
  return (serverName) => {
    if (waiting.has(serverName)) return;
    waiting.add(serverName);
    setTimeout(() => {
      waiting.delete(serverName);
      listener(serverName);
    }, COALESCE_MS).unref();
  };
}
