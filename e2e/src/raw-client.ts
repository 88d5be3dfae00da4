// Sends whatever it is told, well-formed or not, with the permissions of a NATS user.

import { HEADERS, callSubject, rpcErrorV1, type NatsUser } from '@flow-mcp/contracts';
import { signWithSecret } from '@flow-mcp/identity';
import { connectBroker, type BrokerConnection } from '@flow-mcp/messaging';
import type { Stack } from '@flow-mcp/testing';
import { v7 as uuidv7 } from 'uuid';

/** What `executor.pass` gives. */
export interface Pass {
  readonly pass: string;
  readonly secret: string;
}

/** The error that a service answered. */
export interface AnsweredError {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
}

/** Long for a service, short for whoever waits for a broker that does not answer at all. */
const TIMEOUT_MS = 3_000;

type Headers = Readonly<Record<string, string>>;

/** See the head of this file. */
export class RawClient {
  readonly #broker: BrokerConnection;

  private constructor(broker: BrokerConnection) {
    this.#broker = broker;
  }

  static async connect(stack: Stack, user: NatsUser): Promise<RawClient> {
    return new RawClient(await connectBroker({ ...stack.login(user), report: () => undefined }));
  }

  /** An answer as JSON. */
  async ask(subject: string, payload: Uint8Array | string, headers: Headers = {}): Promise<Record<string, unknown>> {
    const options = { timeoutMs: TIMEOUT_MS, headers: Object.entries(headers) };
    const answer = await this.#broker.request(subject, Buffer.from(payload), options);
    return JSON.parse(Buffer.from(answer.payload).toString()) as Record<string, unknown>;
  }

  /** The error of an answer, which must be one that satisfies its contract; `undefined` for any other answer. */
  async errorOf(subject: string, payload: Uint8Array | string): Promise<AnsweredError | undefined> {
    const answer = await this.ask(subject, payload);
    return 'error' in answer ? rpcErrorV1.strict.parse(answer).error : undefined;
  }

  /** Publishes a fact with any payload. @throws Error unless the broker stores it */
  async append(subject: string, payload: Uint8Array): Promise<void> {
    const headers = { 'Nats-Expected-Last-Subject-Sequence': '0', [HEADERS.id]: uuidv7() };
    const answer = await this.ask(subject, payload, headers);
    if ('error' in answer) throw new Error(`${subject}: ${JSON.stringify(answer)}`);
  }

  /** Publishes a signed `requested` with any payload, and headers of one's own over the usual ones. */
  async request(payload: Uint8Array, pass: Pass, headers: Headers = {}): Promise<{ callId: string; stored: boolean }> {
    const callId = uuidv7();
    return {
      callId,
      stored: await this.requestAt(callSubject('payments', callId, 'requested'), payload, pass, headers),
    };
  }

  /** As `request`, on any subject; says whether the broker stored it. */
  async requestAt(
    subject: string,
    payload: Uint8Array,
    { pass, secret }: Pass,
    headers: Headers = {},
  ): Promise<boolean> {
    const signed = { [HEADERS.pass]: pass, [HEADERS.hmac]: signWithSecret(secret, subject, payload) };
    const answer = await this.ask(subject, payload, {
      ...{ 'Nats-Expected-Last-Subject-Sequence': '0', [HEADERS.id]: uuidv7(), [HEADERS.source]: '/raw' },
      ...{ [HEADERS.type]: 'flowmcp.calls.requested.v1', [HEADERS.specVersion]: '1.0', ...signed, ...headers },
    });
    return 'seq' in answer && !('error' in answer);
  }

  close(): Promise<void> {
    return this.#broker.close();
  }
}
