// The MCP servers of the tour: real ones from npm, two of our own, and one address where nobody answers.

import {
  freePort,
  startEverything,
  startFilesystem,
  startJiraMcp,
  startMemory,
  startPayments,
  startPostgresMcp,
  startServiceNow,
  type Payments,
  type PostgresMcp,
  type StackOptions,
} from '@flow-mcp/testing';

/** Everything that the tour calls. */
export interface DemoServers {
  readonly payments: Payments;
  readonly postgres: PostgresMcp;
  /** The manifests of all servers but the one of the documentation page, and of the Flow that uses them. */
  readonly manifests: string;
  /** What the executor must know to reach them. */
  readonly options: Required<Pick<StackOptions, 'upstreams' | 'secrets' | 'keysPort'>>;
  /** Names of the servers that list tools once discovery has been round. */
  readonly names: readonly string[];
  /** Where server-filesystem may write. */
  readonly notesFolder: string;
  stop(): Promise<void>;
}

/** Starts them all, together. */
export async function startDemoServers(): Promise<DemoServers> {
  const [keysPort, nobodyPort] = [await freePort(), await freePort()];
  const keysUrl = `http://127.0.0.1:${keysPort}`;
  const upstreams = await startAll({
    payments: startPayments({ jwksUrl: `${keysUrl}/.well-known/jwks.json`, issuer: keysUrl, writeGroup: 'support' }),
    postgres: startPostgresMcp(),
    servicenow: startServiceNow(),
    everything: startEverything({ transport: 'streamableHttp' }),
    everythingSse: startEverything({ transport: 'sse' }),
    jira: startJiraMcp(),
    files: startFilesystem(),
    memory: startMemory(),
  });
  const { payments, postgres, servicenow, everything, everythingSse, jira, files, memory } = upstreams;
  const servers = [
    server('everything', everything.url),
    server('everything-sse', everythingSse.url, 'protocol: SSE'),
    server('postgres', postgres.url, 'tools: {allow: [query]}'),
    server('jira', jira.url, 'tools: {deny: ["*delete*"]}'),
    server('servicenow', servicenow.url, SERVICENOW_RULES),
    server('files', files.url, 'confirmation: {annotations: true}'),
    server('memory', memory.url),
    server('nobody-home', `http://127.0.0.1:${nobodyPort}/mcp`),
  ];
  const names = ['plural', 'everything', 'everything-sse', 'postgres', 'jira', 'servicenow', 'files', 'memory'];
  return {
    payments,
    postgres,
    names,
    manifests: [...servers, flow([...names, 'nobody-home'])].join('---\n'),
    options: {
      keysPort,
      upstreams: { resolve: { 'plural-mcp.plural.sh:443': new URL(payments.url).host }, caCert: payments.caCert },
      secrets: { 'servicenow-key': { value: servicenow.apiKey, origins: [new URL(servicenow.url).origin] } },
    },
    notesFolder: files.folder,
    stop: async () => void (await Promise.all(Object.values(upstreams).map((one) => one.stop()))),
  };
}

type Stoppable = { stop(): Promise<void> };

/** Starts several at once. @throws the first failure, after those that did start were stopped */
async function startAll<T extends Readonly<Record<string, Promise<Stoppable>>>>(
  starting: T,
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled(Object.values<Promise<Stoppable>>(starting));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(results.map(async (result) => (result.status === 'fulfilled' ? result.value.stop() : undefined)));
    throw failed.reason;
  }
  const started: [string, Stoppable][] = [];
  for (const [name, one] of Object.entries(starting)) started.push([name, await one]);
  return Object.fromEntries(started) as { [K in keyof T]: Awaited<T[K]> };
}

const SERVICENOW_RULES = `authentication: {headers: [{name: X-Api-Key, valueFrom: {secretRef: servicenow-key}}]}
  confirmation:
    tools: [{match: "add_*", require: true}]
    approvers: [{groupName: sre}]
    requesterMayDecide: false`;

function server(name: string, url: string, rules = ''): string {
  return `apiVersion: deployments.plural.sh/v1alpha1
kind: MCPServer
metadata: {name: ${name}}
spec:
  url: ${url}
  bindings: {write: [{groupName: sre}]}
  ${rules}
`;
}

function flow(servers: readonly string[]): string {
  return `apiVersion: deployments.plural.sh/v1alpha1
kind: Flow
metadata: {name: payments}
spec:
  bindings: {read: [{groupName: support}], write: [{groupName: sre}]}
  serverAssociations:
${servers.map((name) => `    - mcpServerRef: {name: ${name}}`).join('\n')}
`;
}
