// A Flow chat service as somebody else would write it: the `nats` package, HMAC-SHA256 and docs/asyncapi.yaml, from
// which every subject and header is taken. Nothing of ours is imported here.

import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect, headers as natsHeaders, nkeyAuthenticator, type Msg, type NatsConnection } from 'nats';
import { parse } from 'yaml';

type Json = Record<string, unknown>;

interface Document {
  readonly info: { readonly description: string };
  readonly channels: Record<string, { readonly address: string | null; readonly messages: Json }>;
  readonly components: { readonly messages: Record<string, { readonly headers?: HeaderSchema }> };
}

interface HeaderSchema {
  readonly properties: Record<string, { readonly const?: string }>;
  readonly required: readonly string[];
}

/** What `executor.pass` gives. */
export interface Pass {
  readonly pass: string;
  readonly secret: string;
}

/** JetStream's answer to a published fact. */
export interface Ack {
  readonly stream?: string;
  readonly seq?: number;
  readonly error?: { readonly err_code: number };
}

/** A call: its Flow, and a UUIDv7. */
export interface Place {
  readonly flow: string;
  readonly callId: string;
}

/** What somebody says to a held call. */
export interface Vote {
  readonly digest: string;
  readonly vote: 'accept' | 'decline';
  readonly reason?: string;
}

/** A request as it is sent, so that the very same can be sent again. */
export interface Signed {
  readonly place: Place;
  readonly payload: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** See the head of this file. */
export class PlainChat {
  readonly #nats: NatsConnection;
  readonly #document: Document;

  private constructor(nats: NatsConnection, document: Document) {
    this.#nats = nats;
    this.#document = document;
  }

  static async connect(servers: string, seedFile: string): Promise<PlainChat> {
    const yaml = await readFile(new URL('../../docs/asyncapi.yaml', import.meta.url), 'utf8');
    const document = parse(yaml) as Document;
    const inboxPrefix = /the inbox prefix `([^`]+)`/.exec(document.info.description)?.[1] ?? '';
    const authenticator = nkeyAuthenticator(Buffer.from((await readFile(seedFile, 'utf8')).trim()));
    return new PlainChat(await connect({ servers, authenticator, inboxPrefix }), document);
  }

  /** An answer of a service, or its `{error}`. */
  async ask<T = Json>(channel: string, question: Json): Promise<T> {
    const answer = await this.#nats.request(this.#address(channel), JSON.stringify(question), { timeout: 10_000 });
    return answer.json<T>();
  }

  /** Steps 6 and 7: the bytes of a call, and its signature over them. */
  sign(place: Place, request: Json, { pass, secret }: Pass): Signed {
    const payload = Buffer.from(JSON.stringify(request));
    const hmac = hmacOf(secret, this.#address('calls.requested', place), payload);
    const own = { 'Flow-Mcp-Pass': pass, 'Flow-Mcp-Hmac': hmac };
    return { place, payload, headers: this.#headers('calls.requested', own) };
  }

  /** Step 8. */
  async publish(channel: string, { place, payload, headers }: Signed): Promise<Ack> {
    const message = natsHeaders();
    for (const [name, value] of Object.entries(headers)) message.set(name, value);
    const answer = await this.#nats.request(this.#address(channel, place), payload, {
      headers: message,
      timeout: 5_000,
    });
    return answer.json<Ack>();
  }

  /** Step 5: listens for one stored fact of the call. Ready when this resolves. */
  async listen<T = Json>(channel: string, place: Place): Promise<{ readonly fact: Promise<T> }> {
    const subscription = this.#nats.subscribe(this.#address(channel, place), { max: 1 });
    await this.#nats.flush();
    const next = async (): Promise<T> => {
      for await (const message of subscription) return message.json<T>();
      throw new Error(`${channel} was not heard`);
    };
    return { fact: next() };
  }

  /** Step 10: the bytes of a fact. */
  read(place: Place, fact: string): Promise<Msg> {
    return this.#nats.request(this.#address('jetstream.read-fact', { ...place, fact }), '', { timeout: 5_000 });
  }

  /** Asks for the call to be stopped. */
  cancel(place: Place, reason: string): Promise<Ack> {
    const payload = Buffer.from(JSON.stringify({ reason }));
    return this.publish('calls.cancel', { place, payload, headers: this.#headers('calls.cancel', {}) });
  }

  /** The signature of a vote. */
  signVote({ flow, callId }: Place, { digest, vote, reason = '' }: Vote, { secret }: Pass): string {
    return hmacOf(secret, 'flow-mcp-vote/v1', Buffer.from([flow, callId, digest, vote, reason].join('\n')));
  }

  close(): Promise<void> {
    return this.#nats.close();
  }

  #address(channel: string, parameters: Readonly<Record<string, string>> | Place = {}): string {
    const address = this.#document.channels[channel]?.address ?? undefined;
    if (address === undefined) throw new Error(`docs/asyncapi.yaml has no channel ${channel}`);
    return address.replace(/\{(\w+)\}/g, (_, name: string) => (parameters as Record<string, string>)[name] ?? '');
  }

  /** Every header that the document requires of the channel's message. */
  #headers(channel: string, own: Readonly<Record<string, string>>): Record<string, string> {
    const [message = ''] = Object.keys(this.#document.channels[channel]?.messages ?? {});
    const schema = this.#document.components.messages[message]?.headers;
    const known: Record<string, string> = { 'ce-id': randomUUID(), 'ce-source': '/plain-chat', ...own };
    return Object.fromEntries(
      (schema?.required ?? []).map((name) => [name, schema?.properties[name]?.const ?? known[name] ?? '']),
    );
  }
}

/** Step 4: a UUIDv7 in lower case (RFC 9562 §5.7). */
export function makeCallId(): string {
  const random = randomBytes(10).toString('hex');
  const hex = `${Date.now().toString(16).padStart(12, '0')}7${random.slice(0, 3)}8${random.slice(3, 18)}`;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function hmacOf(secret: string, subject: string, payload: Buffer): string {
  const key = Buffer.from(secret, 'base64url');
  return createHmac('sha256', key).update(`${subject}\n`).update(payload).digest('base64url');
}
