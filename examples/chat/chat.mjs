// A Flow chat in twenty lines: the person types what a model would answer, a tool and its arguments as JSON.
import { createInterface } from 'node:readline';
import { connectFlow } from '@flow-mcp/client';

const { FLOWMCP_NATS_URL: servers, FLOWMCP_NATS_SEED_FILE: seedFile, FLOWMCP_TOKEN: token } = process.env;
const flow = await connectFlow({ servers, seedFile, flow: 'payments', getToken: async () => token });
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (question) => (console.log(question), (await lines.next()).value);

for (const { name, definition } of (await flow.tools()).tools) console.log(`${name}: ${definition.description}`);
for (let line = await ask('Tool?'); line; line = await ask('Tool?')) {
  const [name, given = '{}'] = line.split(/ (.*)/);
  const onHeld = async ({ callId, digest, rule }) => {
    const vote = (await ask(`${rule.text} Accept (y/n)?`)) === 'y' ? 'accept' : 'decline';
    await flow.decide({ callId, digest, vote });
  };
  const call = async () => flow.call({ name, arguments: JSON.parse(given) }, { onHeld });
  console.dir(await call().catch(({ code, message }) => ({ code, message })), { depth: null });
}
await flow.close();
