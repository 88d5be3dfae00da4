// What a chat gives and gets.

import type {
  Actor,
  Binding,
  Decided,
  MessageOf,
  PendingCall,
  Progress,
  Rule,
  Settled,
  decideRpc,
  toolsRpc,
} from '@flow-mcp/contracts';
import type { CallId, EpochMs, JsonObject, Name } from '@flow-mcp/kernel';

/**
 * A person's OIDC token, asked for before every request that is made for them: hand out the one you have while it is
 * good, and refresh it when it is not.
 */
export type GetToken = () => Promise<string>;

/** A tool as `tools()` lists it, with a name that every model API takes: `[A-Za-z0-9_-]{1,64}`, unique in the Flow. */
export type FlowTool = MessageOf<typeof toolsRpc.response>['tools'][number];

/** A server of the Flow, and why it lists no tools if it does not. */
export type FlowServer = MessageOf<typeof toolsRpc.response>['servers'][number];

/** What a person may call through a Flow. */
export interface FlowTools {
  readonly tools: readonly FlowTool[];
  readonly servers: readonly FlowServer[];
}

/** The tool: by the name that `tools()` gave it, or by server and the server's own name for it. */
export type ToolName = { readonly name: string } | { readonly server: Name; readonly tool: string };

/** A call to be made. */
export type CallRequest = ToolName & {
  readonly arguments: JsonObject;
  /** An unheld call that did not start by then never runs. `startWithinMs` after the call id's own time unless told. */
  readonly deadlineMs?: EpochMs;
  /** Milliseconds; 30 s unless told. */
  readonly startWithinMs?: number;
  /** Your own ids of where the call came from; they stand in the audit. */
  readonly thread?: string;
  readonly message?: string;
  /** Why the model wants it, for the person who confirms. */
  readonly reason?: string;
};

/** A call that waits for a person. */
export interface HeldCall {
  readonly callId: CallId;
  readonly server: Name;
  readonly tool: string;
  /** The person for whom the call is made. */
  readonly requester: Actor;
  /** Which rule holds it. */
  readonly rule: Rule;
  /** What `decide` is about. */
  readonly digest: string;
  /** Who may decide; empty: the requester. */
  readonly approvers: readonly Binding[];
  /** False: the requester's own vote does not count. */
  readonly requesterMayDecide: boolean;
  /** How many acceptances it needs. */
  readonly approvals: number;
  readonly expiresAtMs: EpochMs;
}

/** What you want to be told while a call is under way; a callback may be async. What a callback throws, at once or later, is reported and
 * changes nothing. */
export interface CallCallbacks {
  /** The request is stored: from now on the call has exactly one outcome. */
  readonly onRequested?: (callId: CallId) => unknown;
  /** A person must decide first. */
  readonly onHeld?: (held: HeldCall) => unknown;
  /** They did, or did not in time. */
  readonly onDecided?: (decided: Pick<Decided, 'decision' | 'reason' | 'votes'>) => unknown;
  /** The MCP server reports progress. */
  readonly onProgress?: (progress: Progress) => unknown;
}

/** How a call is made. */
export interface CallOptions extends CallCallbacks {
  /**
   * A UUIDv7 of your own in lower case. Keep it where it outlives your process, and repeat the call after a crash: the
   * same request under the same id is one call.
   */
  readonly callId?: CallId;
  /** Aborting asks for the call to be cancelled; the outcome says what came of that. */
  readonly signal?: AbortSignal;
  /** W3C Trace Context, so that the call belongs to your trace. */
  readonly traceparent?: string;
}

/** How a call ended. `denied`, `declined` or `unknown` are outcomes like `succeeded`: values, never exceptions. */
export interface CallOutcome extends Settled {
  readonly flow: Name;
  readonly callId: CallId;
  /** Present when a person had to decide. */
  readonly held?: HeldCall;
}

/** A vote on a held call. */
export interface Decision {
  readonly callId: CallId;
  /** The digest of what the person was shown. */
  readonly digest: string;
  readonly vote: 'accept' | 'decline';
  readonly reason?: string;
}

/** What the votes on a call came to so far; `pending` when more are needed. */
export type VoteResult = MessageOf<typeof decideRpc.response>;

/** A Flow, for one person. */
export interface Flow {
  readonly name: Name;
  /** The same Flow over the same connection, for another person. */
  as(getToken: GetToken): Flow;
  /** What this person may call, and why a server lists nothing. @throws RefusedError; RetryableError */
  tools(): Promise<FlowTools>;
  /**
   * Makes a call and resolves with its one outcome, however long a person takes to decide.
   * @throws RefusedError `ERR_CALL_ID_REUSED`, `ERR_TOOL_NOT_VISIBLE` for a `name` that is not listed,
   *   `ERR_ARGUMENTS_TOO_LARGE`, `ERR_TOKEN_INVALID` …: nothing was asked for
   * @throws RetryableError `ERR_LEDGER_FULL`: nothing was asked for; `ERR_BROKER_UNAVAILABLE`: repeat with the same id
   */
  call(request: CallRequest, options?: CallOptions): Promise<CallOutcome>;
  /** Waits for the outcome of a call that was made before. */
  wait(callId: CallId, callbacks?: CallCallbacks): Promise<CallOutcome>;
  /** Votes on a held call. @throws RefusedError `ERR_NOT_PENDING`, `ERR_NOT_PERMITTED` …; RetryableError */
  decide(decision: Decision): Promise<VoteResult>;
  /** Held calls of this Flow that this person may see. @throws RefusedError; RetryableError */
  pending(): Promise<readonly PendingCall[]>;
  /**
   * Asks for a call to be stopped; its outcome says what came of that.
   * @throws RefusedError `ERR_NOT_FOUND`, `ERR_NOT_PENDING` when it is over; RetryableError
   */
  cancel(callId: CallId, reason?: string): Promise<void>;
  /**
   * The MCP result of a settled call, fetched and verified if it is large; `undefined` if the call has none.
   * @throws RefusedError `ERR_NOT_FOUND` when it is not settled or not this person's, `ERR_RESULT_LOST`; RetryableError
   */
  result(callId: CallId): Promise<JsonObject | undefined>;
  /** Ends the connection, for everybody on it. Calls that were asked for go on; `wait` for them later. */
  close(): Promise<void>;
}
