// The people whom the development issuer knows.

import { readFile } from 'node:fs/promises';
import { RefusedError } from '@flow-mcp/kernel';
import { parse } from 'yaml';
import { z } from 'zod';

const person = z.strictObject({
  sub: z.string().min(1).max(64),
  email: z.string().min(1),
  name: z.string().min(1),
  groups: z.array(z.string().min(1)),
});

/** Somebody who can sign in. */
export type Person = z.output<typeof person>;

/** People by `sub`. */
export type People = ReadonlyMap<string, Person>;

const DEFAULT: readonly Person[] = [
  { sub: 'alice', email: 'alice@example.com', name: 'Alice', groups: ['support'] },
  { sub: 'bob', email: 'bob@example.com', name: 'Bob', groups: ['sre'] },
  { sub: 'carol', email: 'carol@example.com', name: 'Carol', groups: ['payments-dev', 'support'] },
  { sub: 'dave', email: 'dave@example.com', name: 'Dave', groups: [] },
  { sub: 'root', email: 'root@example.com', name: 'Root', groups: ['admins'] },
];

/** Reads a list of people; without a file, the default ones. @throws RefusedError `ERR_CONFIG_INVALID` */
export async function loadPeople(path: string | undefined): Promise<People> {
  const people = path === undefined ? DEFAULT : parsePeople(await readFile(path, 'utf8'));
  return new Map(people.map((one) => [one.sub, one]));
}

function parsePeople(text: string): readonly Person[] {
  const parsed = z.array(person).min(1).safeParse(valueOf(text));
  if (parsed.success) return parsed.data;
  throw new RefusedError(
    'ERR_CONFIG_INVALID',
    `List people with sub, email, name, groups: ${z.prettifyError(parsed.error)}`,
  );
}

function valueOf(text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new RefusedError('ERR_CONFIG_INVALID', 'The people file is not YAML; correct its syntax.', { cause });
  }
}
