// Who is asking. The engine has no users of its own (chdb refuses CREATE USER), so they are kept here.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { authenticationFailed } from './errors.js';

/** `flowmcp` may do everything, `reader` may only SELECT. */
export type User = 'flowmcp' | 'reader';

/** Each user's password. */
export type Passwords = Readonly<Record<User, string>>;

/** Tells users by what HTTP brought: `X-ClickHouse-User`/`-Key`, Basic, or `user`/`password` in the URL. */
export function authenticate(passwords: Passwords, headers: IncomingHttpHeaders, url: URLSearchParams): User {
  const { name, password } = credentials(headers, url);
  if ((name === 'flowmcp' || name === 'reader') && isSame(passwords[name], password)) return name;
  throw authenticationFailed(name);
}

function credentials(headers: IncomingHttpHeaders, url: URLSearchParams): { name: string; password: string } {
  const basic = /^Basic\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (basic !== undefined) {
    const [name = '', ...password] = Buffer.from(basic, 'base64').toString().split(':');
    return { name, password: password.join(':') };
  }
  return {
    name: one(headers['x-clickhouse-user']) ?? url.get('user') ?? 'default',
    password: one(headers['x-clickhouse-key']) ?? url.get('password') ?? '',
  };
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** Takes as long for a wrong password as for the right one. */
function isSame(expected: string, given: string): boolean {
  return timingSafeEqual(sha256(expected), sha256(given));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
