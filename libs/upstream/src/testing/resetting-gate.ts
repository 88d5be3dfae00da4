// A door that shuts: connections that are accepted and reset before a byte was read from them.

import { connect, createServer, type AddressInfo } from 'node:net';

/** How long a connection looks open; long enough for a request to be written to it. */
const OPEN_MS = 20;

/** Passes the first connections on to `port` and resets every later one unread. */
export async function startResettingGate(
  port: number,
  passed: number,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  let connections = 0;
  const gate = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined);
    if (++connections > passed) return void setTimeout(() => socket.resetAndDestroy(), OPEN_MS);
    const target = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.pipe(target).pipe(socket);
  });
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
  const { port: own } = gate.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}/mcp`,
    close: () => new Promise((resolve) => gate.close(() => resolve())),
  };
}
