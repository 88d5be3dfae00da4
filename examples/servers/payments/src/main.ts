// A payments admin server: `JWKS_URL=… ISSUER=… node dist/main.js` prints one line of JSON when it is ready.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo } from 'node:net';
import { createApp } from './app.js';
import { loadConfig } from './config.js';

const config = loadConfig(process.env);
const server = config.tls === undefined ? createServer() : createTlsServer(config.tls);

server.listen(config.port, config.host, () => {
  const { port } = server.address() as AddressInfo;
  const origin = `${config.tls === undefined ? 'http' : 'https'}://${config.host}:${port}`;
  const access = config.access(`${origin}/mcp`);
  server.on('request', createApp(access, config.debugExecutions));
  const url = origin + new URL(access.audience).pathname;
  process.stdout.write(`${JSON.stringify({ ready: true, url, audience: access.audience })}\n`);
});
