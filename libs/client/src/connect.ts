// One connection to the broker for every person and every Flow of a chat service.

import { STREAMS, inboxPrefix, type RpcContract } from '@flow-mcp/contracts';
import { RetryableError, type Name } from '@flow-mcp/kernel';
import {
  connectBroker,
  createLedger,
  type BrokerConnection,
  type BrokerOptions,
  type Ledger,
  type Report,
} from '@flow-mcp/messaging';
import { FlowFacts } from './flow-facts.js';
import { ConnectedFlow, type FlowContext } from './flow.js';
import { Person } from './person.js';
import type { Flow, GetToken } from './types.js';

/** How to reach Flow MCP. */
export interface ConnectOptions extends Pick<
  BrokerOptions,
  'servers' | 'seedFile' | 'credentialsFile' | 'caFile' | 'expect' | 'patienceMs' | 'report'
> {
  /** NATS user, which answers are for; `chat` unless told. */
  readonly user?: 'chat' | 'cli';
}

/** A connection, shared by everybody. */
export interface FlowMcp {
  /** A Flow, for one person. Keep it as long as the person is there: it keeps their pass. */
  flow(name: Name, getToken: GetToken): Flow;
  /** Any request of the contracts, for one person. @throws RefusedError; RetryableError */
  ask<Q extends { token: string }, A>(
    getToken: GetToken,
    rpc: RpcContract<Q, A>,
    question: Omit<Q, 'token'>,
  ): Promise<A>;
  /** Ends the connection. Calls that were asked for go on. */
  close(): Promise<void>;
}

/**
 * Connects a service of many people and Flows.
 * @throws RetryableError `ERR_BROKER_UNAVAILABLE`; RefusedError `ERR_BROKER_NOT_OURS`, `ERR_CONFIG_INVALID`
 */
export async function connectFlowMcp({ user = 'chat', ...broker }: ConnectOptions): Promise<FlowMcp> {
  return new Connected(await connectBroker({ ...broker, name: user, inboxPrefix: inboxPrefix(user) }));
}

/** Connects one person to one Flow; `as` serves further people. @throws like `connectFlowMcp` */
export async function connectFlow({
  flow,
  getToken,
  ...options
}: ConnectOptions & { readonly flow: Name; readonly getToken: GetToken }): Promise<Flow> {
  return (await connectFlowMcp(options)).flow(flow, getToken);
}

class Connected implements FlowMcp, FlowContext {
  readonly ledger: Ledger;
  readonly report: Report;
  readonly #connection: BrokerConnection;
  readonly #facts = new Map<Name, FlowFacts>();

  constructor(connection: BrokerConnection) {
    this.#connection = connection;
    this.ledger = createLedger(connection, STREAMS.LEDGER.name);
    this.report = connection.report;
    void connection.closed.then((reason) => this.#endWaiting(reason));
  }

  flow(name: Name, getToken: GetToken): Flow {
    return new ConnectedFlow(name, this, new Person(this.#connection, getToken));
  }

  ask<Q extends { token: string }, A>(
    getToken: GetToken,
    rpc: RpcContract<Q, A>,
    question: Omit<Q, 'token'>,
  ): Promise<A> {
    return new Person(this.#connection, getToken).ask(rpc, question);
  }

  facts(flow: Name): FlowFacts {
    const facts = this.#facts.get(flow) ?? new FlowFacts(this.#connection, flow);
    this.#facts.set(flow, facts);
    return facts;
  }

  async close(): Promise<void> {
    this.#endWaiting();
    await this.#connection.drain();
  }

  #endWaiting(reason: Error = closed()): void {
    for (const facts of this.#facts.values()) facts.close(reason);
    this.#facts.clear();
  }
}

function closed(): RetryableError {
  return new RetryableError(
    'ERR_SERVICE_UNAVAILABLE',
    'The connection was closed. The call goes on: connect again and wait for it by its call id.',
  );
}
