// A TCP proxy in front of a broker that cuts, drops, delays or repeats what passes, where a test says so.
//
// A chunk is what one side wrote at once: on loopback, one small NATS message or the few written in one tick. So tests
// send one request at a time and recognise it by its text.

import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** What becomes of a chunk. `cut`: the connection ends instead. `cut-after`: it passes, then the connection ends. */
export type ProxyVerdict = 'pass' | 'drop' | 'cut' | 'cut-after' | 'twice' | { readonly delayMs: number };

/** Looks at a chunk on its way. */
export type ProxyRule = (text: string, direction: 'to-broker' | 'to-client') => ProxyVerdict;

/** A running proxy. */
export interface BrokerProxy {
  readonly url: string;
  /** Replaces the rule; everything passes until one is set. */
  rule: ProxyRule;
  /** Port of the broker to which further connections go. */
  target: number;
  /** Ends every connection now; new ones are taken. */
  cutAll(): void;
  stop(): Promise<void>;
}

/** Starts a proxy to the broker on port `target` of this machine; it listens on `port`, or on a free one. */
export async function startBrokerProxy(target: number, port = 0): Promise<BrokerProxy> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(proxy.target, '127.0.0.1');
    const cut = (): void => void (client.destroy(), upstream.destroy());
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', cut).on('close', () => (cut(), sockets.delete(socket)));
    }
    client.on('data', (chunk) => forward(chunk, upstream, proxy.rule(chunk.toString('latin1'), 'to-broker'), cut));
    upstream.on('data', (chunk) => forward(chunk, client, proxy.rule(chunk.toString('latin1'), 'to-client'), cut));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const proxy: BrokerProxy = {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rule: () => 'pass',
    target,
    cutAll: () => sockets.forEach((socket) => socket.destroy()),
    stop: async () => {
      server.close();
      proxy.cutAll();
      await once(server, 'close');
    },
  };
  return proxy;
}

function forward(chunk: Buffer, to: Socket, verdict: ProxyVerdict, cut: () => void): void {
  if (verdict === 'drop') return;
  if (verdict === 'cut') return cut();
  if (typeof verdict === 'object') return void setTimeout(() => to.write(chunk), verdict.delayMs);
  to.write(chunk, verdict === 'cut-after' ? cut : undefined);
  if (verdict === 'twice') to.write(chunk);
}
