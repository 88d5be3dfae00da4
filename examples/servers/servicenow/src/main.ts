// A ServiceNow MCP server: `SERVICENOW_URL=… SERVICENOW_TOKEN=… node dist/main.js` prints one line of JSON when ready.
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { createApp } from './app.js';
import { loadConfig } from './config.js';
import { createTableApi } from './table-api.js';

const config = loadConfig(process.env);
const server = createServer(createApp(createTableApi(config.serviceNow), config.apiKey));

server.listen(config.port, config.host, () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ ready: true, url: `http://${config.host}:${port}/mcp` })}\n`);
});
