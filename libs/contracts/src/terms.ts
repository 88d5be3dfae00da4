// A registered server with every default filled in and every unit read: what policy, executor and confirmation work with.

import { parseBytes, parseDurationMs, parseRate, type Name, type Rate } from '@flow-mcp/kernel';
import type { MCPServer } from './v1/resources.js';
import type { Binding } from './v1/shared.js';

/** See `termsOf`. All durations in milliseconds, sizes in bytes. */
export interface ServerTerms {
  readonly name: Name;
  readonly displayName: string;
  readonly url: string;
  readonly protocol: 'AUTO' | 'STREAMABLE_HTTP' | 'SSE';
  readonly authentication: {
    /** Our JWT goes along as the bearer. */
    readonly plural: boolean;
    readonly audience: string;
    readonly headers: readonly { readonly name: string; readonly secretRef: string }[];
  };
  readonly read: readonly Binding[];
  readonly write: readonly Binding[];
  readonly confirmation: {
    /** Every tool. */
    readonly all: boolean;
    readonly tools: readonly { readonly match: string; readonly require: boolean }[];
    /** Tools that the server does not mark `readOnlyHint` need a person. */
    readonly annotations: boolean;
    /** Empty: the requester decides. */
    readonly approvers: readonly Binding[];
    readonly requesterMayDecide: boolean;
    readonly approvals: number;
    readonly expiresAfterMs: number;
  };
  readonly tools: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly retrySafe: readonly string[];
  readonly limits: {
    readonly timeoutMs: number;
    readonly concurrency: number;
    readonly queue: number;
    readonly ratePerPerson: Rate | undefined;
    readonly resultBytes: number;
  };
  readonly discoveryGroups: readonly string[];
}

/** A server's terms. Expects a resource that satisfies its contract. */
export function termsOf({ metadata, spec }: MCPServer): ServerTerms {
  return {
    name: metadata.name,
    displayName: spec.name ?? metadata.name,
    url: spec.url,
    protocol: spec.protocol ?? 'AUTO',
    authentication: authenticationOf(spec),
    read: [],
    write: [],
    ...spec.bindings,
    confirmation: confirmationOf(spec),
    tools: { allow: ['*'], deny: [], ...spec.tools },
    retrySafe: spec.retry?.safe ?? [],
    limits: limitsOf(spec),
    discoveryGroups: spec.discovery?.groups ?? [],
  };
}

function authenticationOf({ authentication, url }: MCPServer['spec']): ServerTerms['authentication'] {
  return {
    plural: authentication?.plural ?? false,
    audience: authentication?.audience ?? url,
    headers: (authentication?.headers ?? []).map(({ name, valueFrom }) => ({ name, secretRef: valueFrom.secretRef })),
  };
}

const CONFIRMATION = {
  tools: [],
  annotations: false,
  approvers: [],
  requesterMayDecide: true,
  approvals: 1,
  expiresAfter: '15m',
};

function confirmationOf({ confirm = false, confirmation }: MCPServer['spec']): ServerTerms['confirmation'] {
  const { expiresAfter, ...rules } = { ...CONFIRMATION, ...confirmation };
  return { all: confirm, ...rules, expiresAfterMs: parseDurationMs(expiresAfter) };
}

const LIMITS = { timeout: '30s', concurrency: 16, queue: 64, resultBytes: '1MiB' };

function limitsOf(spec: MCPServer['spec']): ServerTerms['limits'] {
  const { timeout, concurrency, queue, resultBytes } = { ...LIMITS, ...spec.limits };
  const rate = spec.limits?.ratePerPerson;
  return {
    timeoutMs: parseDurationMs(timeout),
    concurrency,
    queue,
    ratePerPerson: rate === undefined ? undefined : parseRate(rate),
    resultBytes: parseBytes(resultBytes),
  };
}
