import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Binding, Person } from './bindings.js';
import { decide, type FlowNow, type ServerNow } from './decide.js';

interface ServerCase {
  read?: Binding[];
  confirm?: boolean;
  annotations?: boolean;
  tools?: { match: string; require: boolean }[];
  allow?: string[];
  deny?: string[];
  retrySafe?: string[];
}
interface Case {
  name: string;
  who: string;
  flow: string;
  server: string;
  tool: string;
  readOnly?: boolean;
  effect: string;
  rule: string;
  retrySafe?: boolean;
}
interface Cases {
  people: Record<string, Partial<Person>>;
  flows: Record<string, Partial<FlowNow>>;
  servers: Record<string, ServerCase>;
  cases: Case[];
}

const file = parse(readFileSync(new URL('../cases/decide.yaml', import.meta.url), 'utf8')) as Cases;

test.each(file.cases)('$name', ({ who, flow, server, tool, readOnly, effect, rule, retrySafe }) => {
  const decision = decide({
    person: { iss: 'https://issuer.example', sub: '', groups: [], admin: false, ...file.people[who] },
    flow: flowNamed(flow),
    server: serverNamed(server),
    tool: { name: tool, readOnlyHint: readOnly ?? false },
  });
  expect(decision).toMatchObject({ effect, rule: { id: rule } });
  if (retrySafe !== undefined) expect(decision).toMatchObject({ retrySafe });
});

function flowNamed(name: string): FlowNow | undefined {
  const given = file.flows[name];
  return given && { read: [], write: [], servers: [], ...given };
}

function serverNamed(name: string): ServerNow | undefined {
  const given = file.servers[name];
  if (given === undefined) return undefined;
  return {
    name,
    read: given.read ?? [],
    write: [],
    tools: { allow: given.allow ?? ['*'], deny: given.deny ?? [] },
    retrySafe: given.retrySafe ?? [],
    confirmation: { all: given.confirm ?? false, tools: given.tools ?? [], annotations: given.annotations ?? false },
  };
}
