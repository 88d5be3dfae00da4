// Which addresses never leave this machine.

import { isIPv4 } from 'node:net';

/** Whether a url or host name is loopback: `localhost`, 127.0.0.0/8 or `::1` (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
export function isLoopback(address: string): boolean {
  const host = (URL.canParse(address) ? new URL(address).hostname : address).replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
