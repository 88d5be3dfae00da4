// Headers of messages from outside: whatever the publisher wrote, names and status line included.
//
// 1. Reading never throws: a line that is no header is left out.
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

/** A message's headers, and the status of its first line (`NATS/1.0 404 …`); 0 for none. */
export function readHeaders(message: Msg): { readonly headers: MessageHeaders; readonly status: number } {
  const [first = '', ...lines] = headerBlock(message).split('\r\n');
  const status = /^NATS\/1\.0\s+(\d{3})/.exec(first)?.[1];
  return { headers: new MessageHeaders(lines.flatMap(entry)), status: Number(status ?? 0) };
}

/**
 * The bytes as they came. `Msg.headers` would throw on one header name that it does not like, and all others, the
 * broker's own included, would be lost.
 */
function headerBlock(message: Msg): string {
  const { _msg, _rdata } = message as unknown as { _msg?: { hdr: number }; _rdata?: Uint8Array };
  if (_msg === undefined || _rdata === undefined || _msg.hdr <= 0) return '';
  return Buffer.from(_rdata.subarray(0, _msg.hdr)).toString('utf8');
}

function entry(line: string): (readonly [string, string])[] {
  const colon = line.indexOf(':');
  return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1).trim()]] : [];
}
