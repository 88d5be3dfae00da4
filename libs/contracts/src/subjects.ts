// Every NATS subject of the system. No other file spells one.

import { CALL_ID_PATTERN, NAME_PATTERN, RefusedError, type CallId, type Name } from '@flow-mcp/kernel';

/** What can happen to a call; the last token of its subject (`voted` carries the voter behind it). */
export const CALL_FACTS = [
  'requested',
  'verdict',
  'voted',
  'decided',
  'resumed',
  'retried',
  'settled',
  'cancel',
  'late',
] as const;

/** One of `CALL_FACTS`. */
export type CallFact = (typeof CALL_FACTS)[number];

/** Resource kinds as subject tokens. */
export const RESOURCE_TOKENS = { MCPServer: 'mcpserver', Flow: 'flow' } as const;

/** `MCPServer` or `Flow`. */
export type ResourceKind = keyof typeof RESOURCE_TOKENS;

/** The services that answer rpc. */
export type RpcService = 'registry' | 'executor' | 'confirmation' | 'audit-ingester';

/** `flowmcp.v1.calls.<flow>.<callId>.<fact>` */
export function callSubject(flow: Name, callId: CallId, fact: Exclude<CallFact, 'voted'>): string {
  return `flowmcp.v1.calls.${flow}.${callId}.${fact}`;
}

/** `flowmcp.v1.calls.<flow>.<callId>.voted.<voter>`; `voter` is a hash of issuer and subject, one vote each. */
export function voteSubject(flow: Name, callId: CallId, voter: string): string {
  return `flowmcp.v1.calls.${flow}.${callId}.voted.${voter}`;
}

/** Another fact of the call that `subject` is of, whatever the call is called: for answering what cannot be read. */
export function siblingSubject(subject: string, fact: Exclude<CallFact, 'voted'>): string {
  return [...subject.split('.').slice(0, 5), fact].join('.');
}

/** Every call's fact of one kind, for consumers: `flowmcp.v1.calls.*.*.<fact>`. */
export function everyCall(fact: CallFact): string {
  return `flowmcp.v1.calls.*.*.${fact}${fact === 'voted' ? '.*' : ''}`;
}

/** `flowmcp.v1.registry.<kind>.<name>.<generation>` */
export function resourceSubject(kind: ResourceKind, name: Name, generation: number): string {
  return `flowmcp.v1.registry.${RESOURCE_TOKENS[kind]}.${name}.${generation}`;
}

/** Where the broker republishes a stored fact; only the broker may publish there (design L6). */
export function storedSubject(subject: string): string {
  return subject.replace(/^flowmcp\.v1\./, 'flowmcp.v1.stored.');
}

/** Progress of a running call, core NATS, at most once: `flowmcp.v1.progress.<flow>.<callId>`. */
export function progressSubject(flow: Name, callId: CallId): string {
  return `flowmcp.v1.progress.${flow}.${callId}`;
}

/** Told by the executor when a server says that its tools changed: `flowmcp.v1.tools-changed.<server>`. */
export function toolsChangedSubject(server: Name): string {
  return `flowmcp.v1.tools-changed.${server}`;
}

/** `flowmcp.v1.rpc.<service>.<verb>` */
export function rpcSubject(service: RpcService, verb: string): string {
  return `flowmcp.v1.rpc.${service}.${verb}`;
}

/** Every fact of both write-once streams, as streams, followers and waiters name them. */
export const SUBJECTS = {
  everyFactOfCalls: 'flowmcp.v1.calls.>',
  everyResource: 'flowmcp.v1.registry.>',
  everyAccess: 'flowmcp.v1.access.>',
  everyToolsChanged: 'flowmcp.v1.tools-changed.*',
} as const;

/** A call's fact, taken apart. */
export interface CallSubject {
  readonly flow: Name;
  readonly callId: CallId;
  readonly fact: CallFact;
  /** Only for `voted`. */
  readonly voter?: string;
}

/**
 * Takes a call's subject apart.
 * @throws RefusedError `ERR_CALL_ID_INVALID` when Flow or call id are not spelled as they must be.
 */
export function parseCallSubject(subject: string): CallSubject {
  const [, , , flow = '', callId = '', fact = '', voter] = subject.split('.');
  if (!NAME_PATTERN.test(flow) || !CALL_ID_PATTERN.test(callId) || !(CALL_FACTS as readonly string[]).includes(fact)) {
    throw new RefusedError(
      'ERR_CALL_ID_INVALID',
      'Publish to flowmcp.v1.calls.<flow>.<callId>.<fact>: a DNS label and a lower-case UUIDv7.',
      {
        field: 'subject',
      },
    );
  }
  return { flow, callId, fact: fact as CallFact, ...(voter === undefined ? {} : { voter }) };
}

/** A resource's subject, taken apart; `undefined` when it is not one of ours. */
export function parseResourceSubject(
  subject: string,
): { kind: ResourceKind; name: Name; generation: number } | undefined {
  const [, , , token, name = '', generation] = subject.split('.');
  const kind = (Object.keys(RESOURCE_TOKENS) as ResourceKind[]).find((key) => RESOURCE_TOKENS[key] === token);
  if (kind === undefined || !NAME_PATTERN.test(name) || !/^\d{1,9}$/.test(generation ?? '')) return undefined;
  return { kind, name, generation: Number(generation) };
}
