// The allow lists as nats-server configuration: `users: [...]`, to be included where users stand.

import { NATS_USERS, permissionsOf, type NatsUser } from './permissions.js';

/** The environment variable of nats-server that holds the public nkey of `user`, e.g. `FLOWMCP_NKEY_EXECUTOR`. */
export function natsKeyVariable(user: NatsUser): string {
  return `FLOWMCP_NKEY_${user.toUpperCase().replaceAll('-', '_')}`;
}

/** Every user with its allow lists. Public keys come from the server's environment (`natsKeyVariable`). */
export function natsPermissionsConf(): string {
  return `users: [\n${NATS_USERS.map(userConf).join('\n')}\n]\n`;
}

function userConf(user: NatsUser): string {
  const { publish, subscribe, allowResponses } = permissionsOf(user);
  return [
    '  {',
    `    nkey: $${natsKeyVariable(user)}`,
    '    permissions: {',
    `      publish: { allow: [\n${lines(publish)}\n      ] }`,
    `      subscribe: { allow: [\n${lines(subscribe)}\n      ] }`,
    ...(allowResponses ? ['      allow_responses: { max: 1, expires: "2m" }'] : []),
    '    }',
    '  }',
  ].join('\n');
}

function lines(subjects: readonly string[]): string {
  return subjects.map((subject) => `        "${subject}"`).join('\n');
}
