// ClickHouse's HTTP interface on 127.0.0.1, so that @clickhouse/client, curl and Grafana reach the engine as a server.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Engine } from './engine.js';
import { prepare } from './prepare.js';
import { readRequest, type StatementRequest } from './request.js';
import { respondWithError } from './respond.js';
import { Statements } from './statement.js';
import type { Passwords } from './users.js';

/** A server that listens. */
export interface ClickHouseServer {
  readonly port: number;
  /** Lets running statements finish, then closes the data folder. */
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly dataDir: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly passwords: Passwords;
}

/** How long running statements have once we are told to stop. */
const CLOSE_MS = 10_000;

/** Opens the data folder and listens on 127.0.0.1. */
export async function startServer({ dataDir, port, passwords }: ServerOptions): Promise<ClickHouseServer> {
  const engine = new Engine(join(dataDir, 'engine'));
  const statements = new Statements(join(dataDir, 'incoming'));
  const server = createServer((message, response) => void answer(message, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (isPing(message)) return void response.writeHead(200, { 'Content-Type': 'text/plain' }).end('Ok.\n');
    let request: StatementRequest | undefined;
    try {
      const asked = (request = await readRequest(message, passwords));
      await engine.run(asked.user, async (session) => {
        // Whoever waited in line may have gone.
        if (response.destroyed) return;
        await prepare(session, asked);
        await statements.run(session, asked, response);
      });
    } catch (error) {
      respondWithError(response, error, request?.queryId ?? '');
    }
  }

  return { port: (server.address() as AddressInfo).port, close: () => close(server).then(() => engine.close()) };
}

async function close(server: Server): Promise<void> {
  server.close();
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const late = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
  await once(server, 'close');
  clearInterval(idle);
  clearTimeout(late);
}

function isPing({ method, url = '/' }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && (url === '/' || /^\/(ping|replicas_status)\b/.test(url));
}
