import { everyCall } from '@flow-mcp/contracts';
import { startBroker, type BrokerFixture } from '@flow-mcp/testing/broker';
import { PROVISION_DEFAULTS, brokerTime, connectBroker, provision, type BrokerConnection } from './index.js';

let broker: BrokerFixture;
const connections: BrokerConnection[] = [];

beforeAll(async () => {
  broker = await startBroker({ users: 'services' });
  connections.push(await connectBroker(broker.login('provisioner')), await connectBroker(broker.login('confirmation')));
  await provision(connections[0]!, PROVISION_DEFAULTS);
});
afterAll(async () => {
  for (const connection of connections) await connection.close();
  await broker.stop();
});

test('the broker’s clock is read between asking and the answer, with the permissions of a service', async () => {
  const { brokerMs, askedAtMs, answeredAtMs } = await brokerTime(connections[1]!, 'LEDGER', everyCall('verdict'));
  expect(brokerMs).toBeGreaterThanOrEqual(askedAtMs);
  expect(brokerMs).toBeLessThanOrEqual(answeredAtMs);
});

test('what the service may not follow is refused', async () => {
  await expect(brokerTime(connections[1]!, 'LEDGER', everyCall('requested'))).rejects.toMatchObject({
    code: 'ERR_NOT_PERMITTED',
  });
});
