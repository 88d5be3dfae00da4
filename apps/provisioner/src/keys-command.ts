// `provisioner keys <directory>`: every key that a deployment needs, each in a file of its own.
//
//     <directory>/nats/<user>.nk     seed of a NATS user, for that service alone
//     <directory>/nats.env           public keys of all NATS users, for the environment of nats-server
//     <directory>/*.jwks.json        signing keys, see libs/identity
//
// A key that is there stays: running it again adds what is missing and changes nothing.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NATS_USERS, natsKeyVariable, type NatsUser } from '@flow-mcp/contracts';
import { generateKeys } from '@flow-mcp/identity';
import { createUserKey, publicKeyOf } from '@flow-mcp/messaging';
import type { Say } from './provision-command.js';

/** Makes the keys that are missing below `directory`. */
export async function keysCommand(directory: string, say: Say): Promise<void> {
  await mkdir(join(directory, 'nats'), { recursive: true, mode: 0o700 });
  const lines: string[] = [];
  for (const user of NATS_USERS) lines.push(`${natsKeyVariable(user)}=${await publicKey(directory, user)}`);
  await writeFile(join(directory, 'nats.env'), `${lines.join('\n')}\n`);
  await generateKeys(directory);
  say(`Keys are in ${directory}. Give each service its own files only:`);
  say(
    '  nats/<user>.nk is the FLOWMCP_NATS_SEED_FILE of that user; nats.env goes into the environment of nats-server.',
  );
  say('  *.jwks.json without "public" is secret: call-signing and pass for executor, receipt for confirmation.');
}

async function publicKey(directory: string, user: NatsUser): Promise<string> {
  const path = join(directory, 'nats', `${user}.nk`);
  const { seed } = createUserKey();
  await writeFile(path, `${seed}\n`, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  return publicKeyOf(await readFile(path, 'utf8'));
}
