// Headers of messages from outside: whatever the publisher wrote, names and status line included.
//
// 1. Reading never throws: unreadable headers are no headers.
// 2. Of several values the last counts: what the broker adds stands behind what a publisher forged.

import type { Msg } from 'nats';

/** A message's headers; names are compared without regard to case. */
export class MessageHeaders implements Iterable<readonly [string, string]> {
  private readonly values = new Map<string, readonly [string, string]>();

  constructor(entries: Iterable<readonly [string, string]> = []) {
    for (const [name, value] of entries) this.values.set(name.toLowerCase(), [name, value]);
  }

  /** The header's value, the last one where it stands several times. */
  get(name: string): string | undefined {
    return this.values.get(name.toLowerCase())?.[1];
  }

  has(name: string): boolean {
    return this.values.has(name.toLowerCase());
  }

  get size(): number {
    return this.values.size;
  }

  [Symbol.iterator](): Iterator<readonly [string, string]> {
    return this.values.values();
  }
}

/** A message's headers and NATS status; no headers and status 0 where they cannot be read. */
export function readHeaders(message: Msg): { readonly headers: MessageHeaders; readonly status: number } {
  try {
    const read = message.headers;
    if (read === undefined) return { headers: new MessageHeaders(), status: 0 };
    return { headers: new MessageHeaders(lastValues(read)), status: read.code };
  } catch {
    return { headers: new MessageHeaders(), status: 0 };
  }
}

function* lastValues(headers: NonNullable<Msg['headers']>): Generator<readonly [string, string]> {
  for (const [name, values] of headers) yield [name, values.at(-1) ?? ''];
}
