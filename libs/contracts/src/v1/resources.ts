// MCPServer and Flow, `deployments.plural.sh/v1alpha1`: the reference page's YAML unchanged, plus optional fields of ours.

import { parseBytes, parseDurationMs, parseRate } from '@flow-mcp/kernel';
import { z } from 'zod';
import { contract, type MessageOf, type ObjectOf } from '../contract.js';
import { actor, binding, name, sentence } from './shared.js';

/** The `apiVersion` of every resource. */
export const API_VERSION = 'deployments.plural.sh/v1alpha1';

/** A hold must end well before the ledger forgets the call. */
const EXPIRES_AFTER_MAX_MS = parseDurationMs('8h');

const unit = (parse: (text: string) => unknown, example: string) =>
  z.string().refine((text) => parses(parse, text), { message: `Must be written like ${example}` });
const duration = unit(parseDurationMs, '30s, 15m or 24h');
const glob = z
  .string()
  .regex(/^[\w.*?/-]{1,128}$/, 'Must be a tool name, * and ? standing for any characters')
  .refine((text) => text.split('*').length <= 5, { message: 'Must hold at most four *' });
const bindings = (object: ObjectOf) =>
  object({
    read: z.array(binding(object)).max(256).exactOptional(),
    write: z.array(binding(object)).max(256).exactOptional(),
  });
const metadata = (object: ObjectOf) =>
  object({
    name,
    namespace: z.string().max(253).exactOptional(),
    labels: z.record(z.string(), z.string()).exactOptional(),
    annotations: z.record(z.string(), z.string()).exactOptional(),
  });
const header = (object: ObjectOf) =>
  object({
    name: z.string().regex(/^[\w!#$%&'*+.^`|~-]{1,128}$/, 'Must be an HTTP header name'),
    valueFrom: object({
      secretRef: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'Must be the name of a secret, a DNS label'),
    }),
  });

const confirmation = (object: ObjectOf) =>
  object({
    tools: z
      .array(object({ match: glob, require: z.boolean() }))
      .max(128)
      .exactOptional(),
    /** Tools not marked `readOnlyHint` by the server need a person. */
    annotations: z.boolean().exactOptional(),
    /** Default: the requester. */
    approvers: z.array(binding(object)).max(64).exactOptional(),
    requesterMayDecide: z.boolean().exactOptional(),
    approvals: z.int().min(1).max(16).exactOptional(),
    expiresAfter: duration
      .refine((text) => !parses(parseDurationMs, text) || parseDurationMs(text) <= EXPIRES_AFTER_MAX_MS, {
        message: 'Must be at most 8h, a third of the time that the ledger keeps a call',
      })
      .exactOptional(),
  })
    .refine(({ requesterMayDecide, approvers = [] }) => requesterMayDecide !== false || approvers.length > 0, {
      path: ['approvers'],
      message: 'Must name somebody, because requesterMayDecide is false',
    })
    .refine(({ approvals = 1, approvers = [] }) => approvals === 1 || approvers.length > 0, {
      path: ['approvers'],
      message: 'Must name somebody, because one requester cannot give several approvals',
    });

const serverSpec = (object: ObjectOf) =>
  object({
    /** Shown to people; defaults to `metadata.name`. */
    name: z.string().min(1).max(128).exactOptional(),
    url: z
      .string()
      .max(2048)
      .refine(isHttpUrl, { message: 'Must be an http or https URL without user, password or fragment' }),
    protocol: z.enum(['AUTO', 'STREAMABLE_HTTP', 'SSE']).exactOptional(),
    authentication: object({
      plural: z.boolean().exactOptional(),
      audience: z.string().min(1).max(2048).exactOptional(),
      headers: z.array(header(object)).max(16).exactOptional(),
    }).exactOptional(),
    bindings: bindings(object).exactOptional(),
    confirm: z.boolean().exactOptional(),
    confirmation: confirmation(object).exactOptional(),
    tools: object({
      allow: z.array(glob).max(256).exactOptional(),
      deny: z.array(glob).max(256).exactOptional(),
    }).exactOptional(),
    retry: object({ safe: z.array(glob).max(256).exactOptional() }).exactOptional(),
    limits: object({
      timeout: duration.exactOptional(),
      concurrency: z.int().min(1).max(1024).exactOptional(),
      queue: z.int().min(0).max(10_000).exactOptional(),
      ratePerPerson: unit(parseRate, '60/m').exactOptional(),
      resultBytes: unit(parseBytes, '1MiB').exactOptional(),
    }).exactOptional(),
    discovery: object({ groups: z.array(z.string().max(256)).max(64).exactOptional() }).exactOptional(),
  });

const mcpServer = (object: ObjectOf) =>
  object({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('MCPServer'),
    metadata: metadata(object),
    spec: serverSpec(object),
  });

const flow = (object: ObjectOf) =>
  object({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('Flow'),
    metadata: metadata(object),
    spec: object({
      name: z.string().min(1).max(128).exactOptional(),
      bindings: bindings(object).exactOptional(),
      serverAssociations: z
        .array(object({ mcpServerRef: object({ name, namespace: z.string().max(253).exactOptional() }) }))
        .max(256)
        .exactOptional(),
    }),
  });

/** An MCP server and how it is governed. */
export const mcpServerV1 = contract(
  'flowmcp.registry.mcpserver.v1',
  'An MCP server and how it is governed.',
  mcpServer,
);

/** A Flow and the servers that it is connected to. */
export const flowV1 = contract('flowmcp.registry.flow.v1', 'A Flow and the servers that it is connected to.', flow);

/** Every kind's contract. */
export const RESOURCE_CONTRACTS = { MCPServer: mcpServerV1, Flow: flowV1 } as const;

export type MCPServer = MessageOf<typeof mcpServerV1>;
export type Flow = MessageOf<typeof flowV1>;
/** Any resource. */
export type Resource = MCPServer | Flow;

/** One generation of one resource: the payload of `flowmcp.v1.registry.<kind>.<name>.<generation>`. */
export const resourceChangedV1 = contract(
  'flowmcp.registry.changed.v1',
  'A resource was created, changed or deleted.',
  (object) =>
    object({
      change: z.enum(['applied', 'deleted']),
      /** The whole resource; the last one it had, when deleted. */
      resource: z.discriminatedUnion('kind', [mcpServer(object), flow(object)]),
      changedBy: actor(object),
      /** What changed, in words, a line each. */
      diff: z.array(sentence).max(1000),
    }),
);

export type ResourceChanged = MessageOf<typeof resourceChangedV1>;

function parses(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.username === '' &&
    url.password === '' &&
    url.hash === ''
  );
}
