// A port that somebody must know before its owner listens on it, or that must be free again after its owner was killed.
//
// The system gives outgoing connections ports of its own choice, from 32768 (Linux) or 49152 on. A listener's port from
// there may be taken while nobody listens on it, even by a client that tries to reconnect to it; below, it is not.

import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 20_000;
const COUNT = 12_000;

/** A port of loopback that is free now and that no outgoing connection is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}
