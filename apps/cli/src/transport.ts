// How the command line reaches Flow MCP: over NATS today; the same port over HTTP is another implementation of this.

import type { Flow } from '@flow-mcp/client';
import type { RpcContract } from '@flow-mcp/contracts';
import type { Name } from '@flow-mcp/kernel';

/** A connection on which one person asks. */
export interface Transport {
  /** Any request of the contracts; the token is added. @throws RefusedError; RetryableError */
  ask<Q extends { token: string }, A>(rpc: RpcContract<Q, A>, question: Omit<Q, 'token'>): Promise<A>;
  /** A Flow; calling it makes governed calls. */
  flow(name: Name): Pick<Flow, 'call' | 'cancel' | 'decide' | 'pending' | 'result' | 'tools'>;
  close(): Promise<void>;
}
