// examples/servers/servicenow in front of the stub of ServiceNow.
import { randomUUID } from 'node:crypto';
import { packageFile, startOwnServer, withCleanup, type Upstream } from './node-server.js';
import { startServiceNowStub, type ServiceNowStub } from './servicenow-stub.js';

/** Starts both; callers have to send `apiKey` as `X-Api-Key`. */
export async function startServiceNow(): Promise<
  Upstream & { readonly apiKey: string; readonly stub: ServiceNowStub }
> {
  const stub = await startServiceNowStub();
  const apiKey = randomUUID();
  const env = {
    SERVICENOW_URL: stub.url,
    SERVICENOW_USER: stub.user,
    SERVICENOW_PASSWORD: stub.password,
    API_KEY: apiKey,
  };
  const server = await startOwnServer(packageFile('@flow-mcp/example-servicenow/main'), env);
  return { ...withCleanup(server, stub.stop), apiKey, stub };
}
