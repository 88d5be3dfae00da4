// AsyncAPI 3.0 of a Flow chat service: everything that a service in another language publishes, reads and asks for.
// Made from the catalogue and the allow lists of the NATS user `chat`; `node tools/generate.mjs` writes it to docs/.

import { GUIDE } from './asyncapi-guide.js';
import { ACK, READ_FACT, messagesOf, type Examples, type Part } from './asyncapi-messages.js';
import { CHANNELS, readAddress, type Channel } from './catalogue.js';
import type { Contract } from './contract.js';
import { covers, publishersOf } from './parties.js';
import { permissionsOf } from './permissions.js';
import { STREAMS } from './streams.js';
import { RPCS, rpcErrorV1, type RpcContract } from './v1/rpc.js';

/** An AsyncAPI 3.0 document as a JSON value. */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0';
  readonly info: Part;
  readonly defaultContentType: 'application/json';
  readonly channels: Readonly<Record<string, Part>>;
  readonly operations: Readonly<Record<string, Part>>;
  readonly components: Readonly<Record<'messages', Readonly<Record<string, Part>>>>;
}

const CHAT = permissionsOf('chat');

/** The document. `examples` are messages that satisfy their contracts. */
export function asyncApi(examples: Examples): AsyncApiDocument {
  const sent = CHANNELS.filter(({ address }) => publishersOf(address).includes('chat'));
  const received = CHANNELS.filter((channel) =>
    CHAT.subscribe.some((pattern) => covers(pattern, readAddress(channel))),
  );
  const rpcs = Object.values(RPCS).filter(({ subject }) => publishersOf(subject).includes('chat'));
  return {
    asyncapi: '3.0.0',
    info: INFO,
    defaultContentType: 'application/json',
    channels: Object.fromEntries([
      ...sent.map((channel) => [channel.id, channelOf(channel.address, [channel.contract])]),
      ...received.map((channel) => [readId(channel), channelOf(readAddress(channel), [channel.contract])]),
      ...rpcs.flatMap(rpcChannels),
      ...jetStreamChannels(),
    ]) as AsyncApiDocument['channels'],
    operations: Object.fromEntries([
      ...sent.map(publishOperation),
      ...received.map(receiveOperation),
      ...rpcs.map(rpcOperation),
      readFactOperation(),
    ]),
    components: { messages: messagesOf({ sent, received, rpcs }, examples) },
  };
}

const INFO = {
  title: 'Flow MCP',
  version: '1',
  description: GUIDE,
  license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
};

const PARAMETERS: Readonly<Record<string, string>> = {
  flow: 'Name of the Flow, a DNS label.',
  callId: 'The call, a lower-case UUIDv7 made by the requester.',
  voter: 'SHA-256 of issuer, line feed and subject of the voter, lower-case hex.',
  fact: 'The last token of a fact’s subject, e.g. `settled`.',
};

function channelOf(address: string | null, contracts: readonly Contract<unknown>[]): Part {
  const names = [...(address ?? '').matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const parameters = Object.fromEntries(names.map((name) => [name, { description: PARAMETERS[name] }]));
  return {
    address,
    messages: Object.fromEntries(contracts.map(({ type }) => [type, { $ref: `#/components/messages/${type}` }])),
    ...(names.length === 0 ? {} : { parameters }),
  };
}

function readId({ id, fact }: Channel): string {
  return fact ? `stored.${id}` : id;
}

function rpcId({ subject }: RpcContract<unknown, unknown>): string {
  return subject.split('.').slice(2).join('.');
}

function rpcChannels(rpc: RpcContract<unknown, unknown>): [string, Part][] {
  return [
    [rpcId(rpc), channelOf(rpc.subject, [rpc.request])],
    [`${rpcId(rpc)}.reply`, channelOf(null, [rpc.response, rpcErrorV1])],
  ];
}

function jetStreamChannels(): [string, Part][] {
  const message = (name: string) => ({ [name]: { $ref: `#/components/messages/${name}` } });
  const { name, subject } = STREAMS.LEDGER;
  const fact = subject.replace('>', '{flow}.{callId}.{fact}');
  return [
    [ACK, { address: null, messages: message(ACK) }],
    [READ_FACT, { ...channelOf(`$JS.API.DIRECT.GET.${name}.${fact}`, []), messages: message(READ_FACT) }],
    [`${READ_FACT}.reply`, { address: null, messages: message(`${READ_FACT}.reply`) }],
  ];
}

const channelRef = (id: string) => ({ $ref: `#/channels/${id}` });
const messageRefs = (id: string, types: readonly string[]) =>
  types.map((type) => ({ $ref: `#/channels/${id}/messages/${type}` }));

function publishOperation({ id, contract }: Channel): [string, Part] {
  return [
    `publish.${id}`,
    {
      action: 'send',
      summary: `${contract.doc} Publish as a request; JetStream answers when it is stored.`,
      channel: channelRef(id),
      messages: messageRefs(id, [contract.type]),
      reply: { channel: channelRef(ACK), messages: messageRefs(ACK, [ACK]) },
    },
  ];
}

function receiveOperation(channel: Channel): [string, Part] {
  const id = readId(channel);
  const { doc, type } = channel.contract;
  return [
    `receive.${id}`,
    { action: 'receive', summary: doc, channel: channelRef(id), messages: messageRefs(id, [type]) },
  ];
}

function rpcOperation(rpc: RpcContract<unknown, unknown>): [string, Part] {
  const id = rpcId(rpc);
  const reply = `${id}.reply`;
  return [
    `request.${id}`,
    {
      action: 'send',
      summary: rpc.doc,
      channel: channelRef(id),
      messages: messageRefs(id, [rpc.request.type]),
      reply: { channel: channelRef(reply), messages: messageRefs(reply, [rpc.response.type, rpcErrorV1.type]) },
    },
  ];
}

function readFactOperation(): [string, Part] {
  const reply = `${READ_FACT}.reply`;
  return [
    `request.${READ_FACT}`,
    {
      action: 'send',
      summary: 'Reads a stored fact: after a reconnect, and for a call that was made before.',
      channel: channelRef(READ_FACT),
      messages: messageRefs(READ_FACT, [READ_FACT]),
      reply: { channel: channelRef(reply), messages: messageRefs(reply, [reply]) },
    },
  ];
}
