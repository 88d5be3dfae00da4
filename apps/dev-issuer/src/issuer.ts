// The development issuer as an HTTP server on 127.0.0.1, and nowhere else.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RefusedError } from '@flow-mcp/kernel';
import type { People } from './people.js';
import { createProvider } from './provider.js';
import { SIGN_IN_PATH, signInPage } from './sign-in-page.js';
import { loadState, saveState } from './state.js';

const HOST = '127.0.0.1';

/** An issuer that listens. */
export interface RunningIssuer {
  readonly issuer: string;
  close(): Promise<void>;
}

/**
 * Starts an issuer.
 * @param port 0: the port that the data folder remembers, or a free one if that is taken.
 * @throws RefusedError `ERR_CONFIG_INVALID` when the port is taken
 */
export async function startIssuer(port: number, dataDir: string, people: People): Promise<RunningIssuer> {
  const state = await loadState(dataDir);
  const server = port === 0 ? await listenAgain(state.port) : await listen(port);
  const taken = (server.address() as AddressInfo).port;
  await saveState(dataDir, { ...state, port: taken });
  const issuer = `http://${HOST}:${taken}`;
  const provider = createProvider(issuer, people, state);
  const serve = provider.callback();

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A page of somebody else's, whose name was pointed at this machine, must not sign people in.
    if (request.headers.host !== new URL(issuer).host) return void response.writeHead(421).end();
    if (request.url?.startsWith(SIGN_IN_PATH) !== true) return void serve(request, response);
    signInPage(provider, people, request, response).catch(() => response.writeHead(400).end('Start again.'));
  });
  return { issuer, close: () => close(server) };
}

async function listenAgain(remembered: number | undefined): Promise<Server> {
  if (remembered === undefined) return listen(0);
  return listen(remembered).catch(() => listen(0));
}

async function listen(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, HOST);
  await once(server, 'listening').catch((cause: unknown) => {
    throw new RefusedError('ERR_CONFIG_INVALID', `Port ${port} is taken; choose another, or 0 for a free one.`, {
      cause,
    });
  });
  return server;
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
