// The messages of the AsyncAPI document: payloads from the contracts, headers from the envelope.

import type { Channel } from './catalogue.js';
import type { Contract } from './contract.js';
import { CLOUDEVENTS_VERSION, HEADERS } from './headers.js';
import { jsonSchemaOf, type JsonSchema } from './json-schema.js';
import { STREAMS } from './streams.js';
import { requestedV1 } from './v1/facts.js';
import { rpcErrorV1, type RpcContract } from './v1/rpc.js';

/** A JSON object of the document. */
export type Part = Readonly<Record<string, unknown>>;

/** Messages that show what a contract means, by contract type. */
export type Examples = Readonly<Record<string, readonly unknown[]>>;

/** What a chat does on the broker. */
export interface Traffic {
  readonly sent: readonly Channel[];
  readonly received: readonly Channel[];
  readonly rpcs: readonly RpcContract<unknown, unknown>[];
}

/** Message of JetStream's answer to a published fact. */
export const ACK = 'jetstream.ack';

/** Message that reads a stored fact; its answer is `<READ_FACT>.reply`. */
export const READ_FACT = 'jetstream.read-fact';

/** Every message: a chat's own in their strict form, those of others in the form that a reader must accept. */
export function messagesOf({ sent, received, rpcs }: Traffic, examples: Examples): Readonly<Record<string, Part>> {
  const own = new Set<Contract<unknown>>([...contractsOf(sent), ...rpcs.map(({ request }) => request)]);
  const others = [...contractsOf(received), ...rpcs.map(({ response }) => response), rpcErrorV1];
  const facts = new Set(contractsOf([...sent, ...received].filter(({ fact }) => fact)));
  const messages = [...new Set<Contract<unknown>>([...own, ...others])].map((contract) => ({
    name: contract.type,
    title: contract.doc,
    ...(facts.has(contract) ? { headers: headersOf(contract, own.has(contract)) } : {}),
    payload: jsonSchemaOf(own.has(contract) ? contract.strict : contract.loose),
    examples: (examples[contract.type] ?? []).map((payload) => ({ payload })),
  }));
  return Object.fromEntries([...messages, ...JETSTREAM_MESSAGES].map((message) => [message.name, message]));
}

function contractsOf(channels: readonly Channel[]): Contract<unknown>[] {
  return channels.map(({ contract }) => contract);
}

const text = (description: string, more: Part = {}): JsonSchema => ({ type: 'string', description, ...more });

/** What a fact carries besides its payload. Of a chat's own facts, `requested` is signed. */
function headersOf(contract: Contract<unknown>, own: boolean): JsonSchema {
  const envelope = {
    [HEADERS.id]: text('CloudEvents `id`: fresh for every fact, the same when you send the same fact again.'),
    [HEADERS.source]: text('CloudEvents `source`: who writes, e.g. `/my-chat`.'),
    [HEADERS.type]: text('CloudEvents `type`: the contract and its version.', { const: contract.type }),
    [HEADERS.specVersion]: text('CloudEvents `specversion`.', { const: CLOUDEVENTS_VERSION }),
  };
  const optional = {
    [HEADERS.time]: text('CloudEvents `time`, RFC 3339. Information only.'),
    [HEADERS.traceparent]: text('W3C Trace Context.'),
  };
  const required = {
    ...envelope,
    ...(contract === requestedV1 ? SIGNED : {}),
    ...(own ? WRITE_ONCE : {}),
  };
  return { type: 'object', properties: { ...required, ...optional }, required: Object.keys(required) };
}

const SIGNED = {
  [HEADERS.pass]: text('The pass of the person for this Flow.'),
  [HEADERS.hmac]: text('HMAC-SHA256 over subject, line feed and payload bytes, base64url without padding.'),
};

const WRITE_ONCE = {
  'Nats-Expected-Last-Subject-Sequence': text('Makes the broker refuse a second fact of the same subject.', {
    const: '0',
  }),
};

const JETSTREAM_MESSAGES = [
  {
    name: ACK,
    title: 'JetStream says whether the fact is stored.',
    payload: {
      type: 'object',
      properties: {
        stream: { type: 'string', const: STREAMS.LEDGER.name },
        seq: { type: 'integer', description: 'Where the fact lies in the ledger.' },
        error: {
          type: 'object',
          properties: {
            code: { type: 'integer' },
            err_code: { type: 'integer', description: '10071: the fact exists. 10077: the ledger is full.' },
            description: { type: 'string' },
          },
        },
      },
    },
    examples: [{ payload: { stream: STREAMS.LEDGER.name, seq: 42 } }],
  },
  { name: READ_FACT, title: 'An empty request.', payload: { type: 'string', maxLength: 0 } },
  {
    name: `${READ_FACT}.reply`,
    title: 'The fact as stored; the status 404 when this read did not find one.',
    headers: {
      type: 'object',
      properties: {
        'Nats-Sequence': text('Where the fact lies in the ledger.'),
        'Nats-Time-Stamp': text('When the broker stored it.'),
        'Nats-Subject': text('Its subject.'),
      },
    },
    payload: { description: 'The payload as it was published, byte for byte.' },
  },
];
