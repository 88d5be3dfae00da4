import { readFileSync } from 'node:fs';
import { NATS_USERS, natsKeyVariable, natsPermissionsConf } from './index.js';
import { permissionsOf } from './permissions.js';

test('deploy/nats/permissions.conf is what follows from the contracts; else run `node tools/generate.mjs`', () => {
  const file = new URL('../../../deploy/nats/permissions.conf', import.meta.url);
  expect(readFileSync(file, 'utf8')).toBe(natsPermissionsConf());
});

test('every user has a key variable of its own', () => {
  expect(new Set(NATS_USERS.map(natsKeyVariable)).size).toBe(NATS_USERS.length);
});

test('no running service may create, change, purge or delete a stream, or delete a consumer', () => {
  for (const user of NATS_USERS.filter((each) => each !== 'provisioner')) {
    const api = permissionsOf(user).publish.filter((subject) => subject.startsWith('$JS.API.'));
    for (const subject of api) {
      expect(subject).toMatch(
        /^\$JS\.API\.(STREAM\.INFO|CONSUMER\.INFO|CONSUMER\.CREATE|CONSUMER\.MSG\.NEXT|DIRECT\.GET)\.[A-Z]/,
      );
    }
  }
});

test('each fact of a call has one service that may write it', () => {
  const writers = (fact: string): string[] =>
    NATS_USERS.filter((user) => permissionsOf(user).publish.includes(`flowmcp.v1.calls.*.*.${fact}`));
  for (const fact of ['verdict', 'resumed', 'retried', 'settled', 'late']) expect(writers(fact)).toEqual(['executor']);
  for (const fact of ['voted.*', 'decided']) expect(writers(fact)).toEqual(['confirmation']);
  for (const fact of ['requested', 'cancel']) expect(writers(fact)).toEqual(['chat', 'cli']);
});
