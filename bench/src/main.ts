// npm run bench: what a governed call costs beside a direct one. Both go to the same MCP server on this machine, in
// interleaved rounds of one run, with identity, policy, JWT, durable facts and audit ingestion on. The ratio is the figure;
// the milliseconds are this machine's.
//
//   npm run bench -- [rounds] [calls per round] [in flight]

import { connectFlowMcp, type Flow } from '@flow-mcp/client';
import { applyRpc } from '@flow-mcp/contracts';
import { signInDevelopment } from '@flow-mcp/identity';
import { startEverything, startStack, type Stack } from '@flow-mcp/testing';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { measure, median, type Call, type Figures } from './measure.js';

const [rounds = 3, calls = 300, inFlight = 16] = process.argv.slice(2).map(Number);
const ARGUMENTS = { message: 'hello world '.repeat(20) };

const server = await startEverything({ transport: 'streamableHttp' });
const stack = await startStack({ report: (part) => console.log(`starting ${part} …`) });
const mcp = await connectFlowMcp(stack.login('chat'));
try {
  const flow = mcp.flow('bench', () => signInDevelopment(stack.issuer, 'alice'));
  await register(flow);
  let made = 0;
  const governed: Call = async () => {
    const { outcome, code } = await flow.call({ server: 'everything', tool: 'echo', arguments: ARGUMENTS });
    if (outcome !== 'succeeded') throw new Error(`a call ended as ${outcome} (${code})`);
    made += 1;
  };
  const direct = await directCall(server.url);
  const figures = { direct: [] as Figures[], governed: [] as Figures[] };
  await measure(governed, { calls: 50, inFlight });
  for (let round = 1; round <= rounds; round++) {
    console.log(`round ${round} of ${rounds} …`);
    figures.direct.push(await measure(direct, { calls, inFlight }));
    figures.governed.push(await measure(governed, { calls, inFlight }));
  }
  print(median(figures.direct), median(figures.governed));
  await checkTrail(stack, made);
} finally {
  await mcp.close();
  await stack.stop();
  await server.stop();
}

async function register(flow: Flow): Promise<void> {
  const manifest = `apiVersion: deployments.plural.sh/v1alpha1
kind: MCPServer
metadata: {name: everything}
spec: {url: '${server.url}', bindings: {write: [{groupName: sre}]}, limits: {concurrency: 256, queue: 10000}}
---
apiVersion: deployments.plural.sh/v1alpha1
kind: Flow
metadata: {name: bench}
spec: {bindings: {read: [{groupName: support}], write: [{groupName: sre}]}, serverAssociations: [{mcpServerRef: {name: everything}}]}
`;
  await mcp.ask(() => signInDevelopment(stack.issuer, 'bob'), applyRpc, { manifest });
  while ((await flow.tools()).tools.length === 0) await sleep(100);
}

async function directCall(url: string): Promise<Call> {
  const client = new Client({ name: 'flow-mcp-bench', version: '0.1.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return async () => void (await client.callTool({ name: 'echo', arguments: ARGUMENTS }));
}

function print(direct: Figures, governed: Figures): void {
  const row = (name: string, of: (figures: Figures) => number, digits: number) => {
    const [one, other] = [of(direct), of(governed)];
    return {
      figure: name,
      direct: one.toFixed(digits),
      governed: other.toFixed(digits),
      ratio: (other / one).toFixed(2),
    };
  };
  console.table([
    row('p50 ms', (figures) => figures.p50Ms, 2),
    row('p99 ms', (figures) => figures.p99Ms, 2),
    row(`calls/s, ${inFlight} in flight`, (figures) => figures.perSecond, 0),
  ]);
}

/** Every call that was measured is in ClickHouse, once. */
async function checkTrail({ clickhouse }: Stack, made: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const [row] = await clickhouse.query<{ calls: number }>(
      "SELECT count() AS calls FROM calls WHERE outcome = 'succeeded'",
    );
    if (row?.calls === made) return console.log(`${made} calls made, ${made} rows in ClickHouse.`);
    if (tries > 300) throw new Error(`${made} calls were made, ${row?.calls} are in ClickHouse`);
    await sleep(100);
  }
}
