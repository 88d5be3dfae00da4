// A Jira MCP server from npm in front of the stub of Jira.
import { startJiraStub, type JiraStub } from './jira-stub.js';
import { startBehindMcpProxy, withCleanup, type Upstream } from './node-server.js';

/** Starts @nexus2520/jira-mcp-server behind mcp-proxy; its tools are jira_search, jira_issues, jira_comments, … */
export async function startJiraMcp(): Promise<Upstream & { readonly stub: JiraStub }> {
  const stub = await startJiraStub();
  const env = { JIRA_BASE_URL: stub.url, JIRA_EMAIL: stub.email, JIRA_API_TOKEN: stub.apiToken };
  const script = '@nexus2520/jira-mcp-server/build/index.js';
  const upstream = await startBehindMcpProxy({ script, args: [], env });
  return { ...withCleanup(upstream, stub.stop), stub };
}
