// What each NATS user may do: allow lists only, derived from the same subjects and streams as the code.
// Deny rules are never used: brokers have had bugs that let them be walked around.

import { CONSUMERS, RESULTS_BUCKET, STREAMS, TOOLS_BUCKET, type StreamName } from './streams.js';
import { everyCall, rpcSubject, storedSubject, type CallFact, type RpcService } from './subjects.js';

/** NATS users: one per service, one for provisioning, one for chats, one for people's command line. */
export const NATS_USERS = [
  'registry',
  'executor',
  'confirmation',
  'audit-ingester',
  'provisioner',
  'chat',
  'cli',
] as const;

/** One of `NATS_USERS`. */
export type NatsUser = (typeof NATS_USERS)[number];

/** A user's allow lists. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer requests on the requester's reply subject. */
  readonly allowResponses: boolean;
}

/** Every inbox of a user lies here, so that nobody can listen to another's answers. */
export function inboxPrefix(user: NatsUser): string {
  return `_INBOX_${user}`;
}

/** The allow lists of `user`. */
export function permissionsOf(user: NatsUser): NatsPermissions {
  const { publish, subscribe, serves } = GRANTS[user];
  return {
    publish: [...publish].sort(),
    subscribe: [
      `${inboxPrefix(user)}.>`,
      ...subscribe,
      ...(serves === undefined ? [] : [rpcSubject(serves, '*')]),
    ].sort(),
    allowResponses: serves !== undefined,
  };
}

interface Grants {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  readonly serves?: RpcService;
}

const facts = (...names: CallFact[]) => names.map((fact) => everyCall(fact));
const info = (stream: string) => `$JS.API.STREAM.INFO.${stream}`;
const readFact = (stream: StreamName) => `$JS.API.DIRECT.GET.${stream}.${STREAMS[stream].subject}`;
/** Ephemeral consumers with this filter; their names are random, so pulling is granted for the stream. */
const follow = (stream: string, filter: string) => [
  `$JS.API.CONSUMER.CREATE.${stream}.*.${filter}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
];
const durable = ({ stream, durable: name }: (typeof CONSUMERS)[keyof typeof CONSUMERS]) => [
  `$JS.API.CONSUMER.INFO.${stream}.${name}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
  `$JS.ACK.${stream}.${name}.>`,
];
const readBucket = (bucket: string) => [
  `$JS.API.DIRECT.GET.KV_${bucket}.$KV.${bucket}.>`,
  ...follow(`KV_${bucket}`, `$KV.${bucket}.>`),
];
/** Chunks are read by sequence, which only the bare form of the direct get can do. */
const objects = (bucket: string) => [
  `$O.${bucket}.C.*`,
  `$O.${bucket}.M.*`,
  `$JS.API.DIRECT.GET.OBJ_${bucket}`,
  `$JS.API.DIRECT.GET.OBJ_${bucket}.$O.${bucket}.M.*`,
];
const stored = (fact: CallFact) => storedSubject(everyCall(fact));
const streamInfos = [info('LEDGER'), info('REGISTRY')];

/** Every rpc that carries a person's token; `executor.discover` is the registry's alone, `confirmation.held` the executor's. */
const RPCS_FOR_PEOPLE = [
  rpcSubject('registry', '*'),
  rpcSubject('executor', 'pass'),
  rpcSubject('executor', 'result'),
  rpcSubject('confirmation', 'pending'),
  rpcSubject('confirmation', 'decide'),
  rpcSubject('audit-ingester', '*'),
];

const GRANTS: Readonly<Record<NatsUser, Grants>> = {
  registry: {
    publish: [
      STREAMS.REGISTRY.subject,
      ...streamInfos,
      ...follow('REGISTRY', STREAMS.REGISTRY.subject),
      readFact('REGISTRY'),
      `$KV.${TOOLS_BUCKET}.>`,
      ...readBucket(TOOLS_BUCKET),
      rpcSubject('executor', 'discover'),
    ],
    subscribe: ['flowmcp.v1.tools-changed.*', storedSubject(STREAMS.REGISTRY.subject)],
    serves: 'registry',
  },
  executor: {
    publish: [
      ...facts('verdict', 'resumed', 'retried', 'settled', 'late'),
      'flowmcp.v1.progress.>',
      'flowmcp.v1.tools-changed.*',
      ...streamInfos,
      ...durable(CONSUMERS.executorRequested),
      ...durable(CONSUMERS.executorDecided),
      ...follow('REGISTRY', STREAMS.REGISTRY.subject),
      readFact('LEDGER'),
      ...readBucket(TOOLS_BUCKET),
      ...objects(RESULTS_BUCKET),
      rpcSubject('confirmation', 'held'),
    ],
    subscribe: [stored('cancel'), storedSubject(STREAMS.REGISTRY.subject)],
    serves: 'executor',
  },
  confirmation: {
    publish: [
      ...facts('voted', 'decided'),
      ...streamInfos,
      ...(['verdict', 'voted', 'decided', 'cancel', 'settled'] as const).flatMap((fact) =>
        follow('LEDGER', everyCall(fact)),
      ),
      ...follow('REGISTRY', STREAMS.REGISTRY.subject),
      readFact('LEDGER'),
    ],
    subscribe: [],
    serves: 'confirmation',
  },
  'audit-ingester': {
    publish: [
      ...streamInfos,
      ...follow('LEDGER', STREAMS.LEDGER.subject),
      ...follow('REGISTRY', STREAMS.REGISTRY.subject),
      readFact('LEDGER'),
      readFact('REGISTRY'),
    ],
    subscribe: [],
    serves: 'audit-ingester',
  },
  provisioner: { publish: ['$JS.API.>', '$KV.>', '$O.>'], subscribe: [] },
  chat: chatGrants(),
  cli: chatGrants(),
};

/** A chat asks for calls of its Flows, reads their facts, and makes requests for people. */
function chatGrants(): Grants {
  return {
    publish: [...facts('requested', 'cancel'), readFact('LEDGER'), ...RPCS_FOR_PEOPLE],
    subscribe: [storedSubject(STREAMS.LEDGER.subject), 'flowmcp.v1.progress.>'],
  };
}
