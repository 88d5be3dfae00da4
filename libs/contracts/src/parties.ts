// Who publishes and who consumes a subject, read off the NATS allow lists: what is documented is what is permitted.

import { CONSUMERS } from './streams.js';
import { NATS_USERS, permissionsOf, type NatsUser } from './permissions.js';
import { storedSubject } from './subjects.js';
import type { Channel } from './catalogue.js';

/** Users that may publish to a subject (variable tokens in braces count as any token). */
export function publishersOf(subject: string): readonly NatsUser[] {
  return NATS_USERS.filter((user) => permissionsOf(user).publish.some((pattern) => covers(pattern, subject)));
}

/** Users that may read a channel: by subscription, by a consumer of their own, or by a durable one. */
export function consumersOf({ address, fact }: Channel): readonly NatsUser[] {
  const subject = fact ? storedSubject(address) : address;
  return NATS_USERS.filter(
    (user) =>
      permissionsOf(user).subscribe.some((pattern) => covers(pattern, subject)) ||
      permissionsOf(user).publish.some((pattern) => covers(consumedBy(pattern) ?? '', address)),
  );
}

/** Whether a NATS subject pattern matches a subject. NATS docs, "Subject-Based Messaging". */
export function covers(pattern: string, subject: string): boolean {
  const tokens = subject.split('.');
  const wanted = pattern.split('.');
  const tail = wanted.at(-1) === '>';
  if (tail ? tokens.length < wanted.length : tokens.length !== wanted.length) return false;
  return wanted.every((token, index) => token === '>' || token === '*' || token === tokens[index]);
}

/** What a JetStream permission lets its holder read. */
function consumedBy(permission: string): string | undefined {
  const created = /^\$JS\.API\.CONSUMER\.CREATE\.[^.]+\.\*\.(.+)$/.exec(permission)?.[1];
  if (created !== undefined) return created;
  const name = /^\$JS\.API\.CONSUMER\.MSG\.NEXT\.[^.]+\.([^.*]+)$/.exec(permission)?.[1];
  return Object.values(CONSUMERS).find(({ durable }) => durable === name)?.filter;
}
