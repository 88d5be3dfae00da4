// A manifest's text into resources that satisfy their contracts, or one error that says where and what to do.

import { API_VERSION, RESOURCE_CONTRACTS, firstProblem, type Resource, type ResourceKind } from '@flow-mcp/contracts';
import { RefusedError, type ErrorCode } from '@flow-mcp/kernel';
import { nearest } from '@flow-mcp/service-host';
import { z } from 'zod';
import { describePlace, readYamlDocuments, type Place, type YamlDocument } from './yaml-documents.js';

/**
 * Reads a manifest: YAML 1.2 or JSON, several documents.
 * @throws RefusedError `ERR_MANIFEST_INVALID`, or `ERR_KIND_UNKNOWN`, naming document, line, column and field
 */
export function readManifest(text: string): Resource[] {
  const documents = readYamlDocuments(text);
  const resources = documents.map(readResource);
  checkDistinct(documents, resources);
  return resources;
}

function readResource(document: YamlDocument): Resource {
  const kind = kindOf(document);
  checkApiVersion(document);
  const contract = RESOURCE_CONTRACTS[kind];
  const parsed = contract.strict.safeParse(document.value);
  return parsed.success ? parsed.data : refuseIssue(document, contract.strict, parsed.error);
}

function kindOf(document: YamlDocument): ResourceKind {
  const kinds = Object.keys(RESOURCE_CONTRACTS);
  const { kind } = document.value;
  if (typeof kind === 'string' && kinds.includes(kind)) return kind as ResourceKind;
  if (typeof kind !== 'string') return refuse(document, { path: ['kind'], problem: `must be ${kinds.join(' or ')}` });
  const meant = nearest(kind, kinds);
  const problem = `is not a kind that we know; ${meant === undefined ? `use ${kinds.join(' or ')}` : `did you mean ${meant}?`}`;
  return refuse(document, { path: ['kind'], problem, code: 'ERR_KIND_UNKNOWN' });
}

function checkApiVersion(document: YamlDocument): void {
  if (document.value.apiVersion === API_VERSION) return;
  refuse(document, { path: ['apiVersion'], problem: `must be ${API_VERSION}` });
}

function refuseIssue(document: YamlDocument, schema: z.ZodType, error: z.ZodError): never {
  const { field, problem } = firstProblem(error);
  const [issue] = error.issues;
  const path = issue?.path ?? [];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  if (unknown === undefined) return refuse(document, { path, problem: HINTS[field] ?? plainWords(problem) });
  const meant = nearest(unknown, fieldsAt(schema, path));
  const fix = meant === undefined ? 'remove it' : `did you mean ${meant}?`;
  return refuse(document, {
    path: [...path, unknown],
    problem: `is not a field that we know; ${fix}`,
    place: document.placeOfName(path, unknown),
  });
}

/** What the type's own message does not say. */
const HINTS: Readonly<Record<string, string>> = {
  'spec.authentication.headers':
    'must be a list such as `- {name: X-Api-Key, valueFrom: {secretRef: payments-key}}`; put the value itself into the executor’s secrets',
};

/** zod's `invalid input: expected boolean, received string`, as one would say it. */
function plainWords(problem: string): string {
  const [, expected, received] = /^invalid input: expected (\w+), received (\w+)$/.exec(problem) ?? [];
  if (expected === undefined) return problem;
  if (received === 'undefined') return `must be set (${expected})`;
  return expected === 'boolean' ? 'must be true or false' : `must be of type ${expected}, not ${received}`;
}

interface Fault {
  readonly path: readonly PropertyKey[];
  readonly problem: string;
  readonly place?: Place;
  readonly code?: ErrorCode;
}

function refuse(document: YamlDocument, { path, problem, place, code = 'ERR_MANIFEST_INVALID' }: Fault): never {
  const field = path.map((step) => String(step).slice(0, 64)).join('.');
  const where = describePlace(document.number, place ?? document.placeOf(path));
  const name = field === '' ? '' : ` \`${field}\``;
  throw new RefusedError(code, `${where}:${name} ${problem}${/[.?]$/.test(problem) ? '' : '.'}`, { field });
}

function checkDistinct(documents: readonly YamlDocument[], resources: readonly Resource[]): void {
  const seen = new Set<string>();
  for (const [index, { kind, metadata }] of resources.entries()) {
    const key = `${kind} ${metadata.name}`;
    const document = documents[index];
    if (seen.has(key) && document !== undefined) {
      refuse(document, {
        path: ['metadata', 'name'],
        problem: `names ${key} a second time in this manifest; keep one`,
      });
    }
    seen.add(key);
  }
}

/** The fields that a schema knows at a path, for "did you mean". */
function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current: unknown = schema;
  for (const step of path) current = stepInto(unwrap(current), step);
  const found = unwrap(current);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function stepInto(schema: unknown, step: PropertyKey): unknown {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<PropertyKey, unknown>)[step];
  return schema instanceof z.ZodArray ? schema.element : undefined;
}

function unwrap(schema: unknown): unknown {
  return schema instanceof z.ZodExactOptional || schema instanceof z.ZodOptional ? unwrap(schema.unwrap()) : schema;
}
