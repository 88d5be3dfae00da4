// The port: what the executor asks of MCP servers, in words of our own. MCP revisions and SDKs come and go behind it.

import type { ErrorCode, JsonObject } from '@flow-mcp/kernel';
import type { Health, ToolDefinition } from '@flow-mcp/contracts';

/** Calls tools of MCP servers and lists them. One per process; made by `createUpstream`. */
export interface Upstream {
  /** Runs one tool at most once. Never rejects: what went wrong is an answer, too. */
  call(request: CallRequest): Promise<CallAnswer>;
  /**
   * Lists a server's tools and keeps a session to it open, so that its `notifications/tools/list_changed` are heard.
   * @throws what `authorize` threw, or an error with code `ERR_CANCELLED` once `signal` aborts.
   */
  discover(request: DiscoverRequest): Promise<Discovery>;
  /** What is held open now, for metrics. */
  stats(): UpstreamStats;
  /** Ends every session and connection; calls that still run settle at once, as `unknown` where they were sent. */
  close(): Promise<void>;
}

/** A registered MCP server. Another generation, url or protocol never shares a session with the one before. */
export interface UpstreamServer {
  readonly name: string;
  readonly generation: number;
  /** http or https. */
  readonly url: string;
  /** AUTO tries Streamable HTTP and falls back to the SSE of MCP 2024-11-05 on 400, 404 and 405 only. */
  readonly protocol: 'AUTO' | 'STREAMABLE_HTTP' | 'SSE';
}

/** One `tools/call`. */
export interface CallRequest {
  readonly server: UpstreamServer;
  /** Sessions are pooled per person and never shared between people. */
  readonly person: string;
  /**
   * The headers that authenticate this call. Asked once per call; they go with every HTTP request made for it:
   * `initialize`, the call, its cancellation. A pooled session's last request, DELETE, carries those of its last call.
   */
  readonly authorize: () => Promise<Readonly<Record<string, string>>>;
  readonly tool: string;
  readonly arguments: JsonObject;
  /** MCP `_meta` of the request, such as `traceparent`. */
  readonly meta: JsonObject;
  /** For everything: authorizing, connecting, `initialize` and the call. */
  readonly timeoutMs: number;
  /** Of the answer as sent: a JSON body, or one event of a stream. */
  readonly resultBytesMax: number;
  /** Aborts the call; the server gets `notifications/cancelled`. May be shared by many calls. */
  readonly signal: AbortSignal;
  /** MCP `notifications/progress` of this call. */
  readonly onProgress?: (progress: UpstreamProgress) => void;
}

/** MCP 2025-11-25 progress. */
export interface UpstreamProgress {
  readonly progress: number;
  readonly total?: number;
  readonly message?: string;
}

/** How a call ended, by what is known of whether the tool ran. */
export type CallAnswer =
  /** The result exactly as `JSON.parse` read it: nothing validated, stripped or added. */
  | { readonly kind: 'answered'; readonly result: JsonObject; readonly isError: boolean }
  /** The server itself answered that it did not run the tool, or failed: a JSON-RPC error, or HTTP 4xx. */
  | ({ readonly kind: 'refused'; readonly rpcError?: RpcError } & Reason)
  /** Proof that not one byte of the call was sent: the same call may be tried again. */
  | ({ readonly kind: 'not_sent' } & Reason)
  /** Anything later: it may have run. */
  | ({ readonly kind: 'unknown' } & Reason);

/** Why a call has no result. */
export interface Reason {
  readonly code: ErrorCode;
  /** For people: what to check. Holds nothing that the server sent. */
  readonly message: string;
  /** For logs, through `describeError`. */
  readonly cause?: unknown;
}

/** The JSON-RPC error as the server sent it: content for whoever called, not for logs. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** One listing of a server's tools. */
export interface DiscoverRequest {
  readonly server: UpstreamServer;
  /** As `CallRequest.authorize`, for us ourselves. */
  readonly authorize: () => Promise<Readonly<Record<string, string>>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a server offers, or why nothing can be listed. */
export type Discovery =
  | {
      readonly health: { readonly state: 'healthy' };
      /** All pages, in the server's order, members unknown to us kept. */
      readonly tools: readonly ToolDefinition[];
      /** One sentence for each tool that cannot be offered (no name, no schema, a name twice). */
      readonly ignored: readonly string[];
      readonly protocol: UpstreamProtocol;
      readonly serverInfo: { readonly name: string; readonly version: string };
      /** The server says when its tools change; `onToolsChanged` will be told. */
      readonly listChanged: boolean;
    }
  | {
      readonly health: { readonly state: 'unreachable'; readonly reason: UnreachableReason; readonly message: string };
    };

/** The transport that answered. */
export type UpstreamProtocol = 'STREAMABLE_HTTP' | 'SSE';

/** Why no tools are listed, in the words of the registry's health. */
export type UnreachableReason = Exclude<Health['reason'], 'ok' | 'pending'>;

/** Gauges. */
export interface UpstreamStats {
  /** Sessions of people, in use and idle. */
  readonly sessions: number;
  /** Sessions that listen for changed tools. */
  readonly discoverySessions: number;
  readonly callsInFlight: number;
}
