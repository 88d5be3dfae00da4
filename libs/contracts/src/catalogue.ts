// Every contract and the subject that carries it: the one list that snapshots, fixtures, AsyncAPI and docs walk.

import type { Contract } from './contract.js';
import { TOOLS_BUCKET } from './streams.js';
import {
  CALL_FACTS,
  callSubject,
  progressSubject,
  resourceSubject,
  storedSubject,
  voteSubject,
  type CallFact,
  type ResourceKind,
} from './subjects.js';
import { FACT_CONTRACTS } from './v1/facts.js';
import { progressV1 } from './v1/signals.js';
import { RESOURCE_CONTRACTS, resourceChangedV1 } from './v1/resources.js';
import { RPCS, discoveredV1, rpcErrorV1 } from './v1/rpc.js';

/** One subject, its variable tokens in braces, and the contract of its messages. */
export interface Channel {
  /** Unique, e.g. `calls.requested`. */
  readonly id: string;
  /** What a publisher publishes to, e.g. `flowmcp.v1.calls.{flow}.{callId}.requested`. */
  readonly address: string;
  /** A fact: the broker stores it once and republishes it at `storedSubject(address)`. */
  readonly fact: boolean;
  readonly contract: Contract<unknown>;
}

const FLOW = '{flow}';
const CALL_ID = '{callId}';

/** Every subject that carries a contract; rpc is in `RPCS`. */
export const CHANNELS: readonly Channel[] = [
  ...CALL_FACTS.map(callChannel),
  resourceChannel('MCPServer'),
  resourceChannel('Flow'),
  { id: 'progress', address: progressSubject(FLOW, CALL_ID), fact: false, contract: progressV1 },
  { id: 'tools', address: `$KV.${TOOLS_BUCKET}.{server}`, fact: false, contract: discoveredV1 },
];

/** Every contract there is, in the order of the documents. */
export const CONTRACTS: readonly Contract<unknown>[] = [
  ...CHANNELS.map(({ contract }) => contract).filter((contract, index, all) => all.indexOf(contract) === index),
  ...Object.values(RESOURCE_CONTRACTS),
  ...Object.values(RPCS).flatMap(({ request, response }) => [request, response] as Contract<unknown>[]),
  rpcErrorV1,
];

/** Where the stored form of a fact is read; the address itself for everything else. */
export function readAddress({ address, fact }: Channel): string {
  return fact ? storedSubject(address) : address;
}

function callChannel(fact: CallFact): Channel {
  const address = fact === 'voted' ? voteSubject(FLOW, CALL_ID, '{voter}') : callSubject(FLOW, CALL_ID, fact);
  return { id: `calls.${fact}`, address, fact: true, contract: FACT_CONTRACTS[fact] };
}

function resourceChannel(kind: ResourceKind): Channel {
  const address = resourceSubject(kind, '{name}', 0).replace(/0$/, '{generation}');
  return { id: `registry.${kind.toLowerCase()}`, address, fact: true, contract: resourceChangedV1 };
}
