export { startBroker, type BrokerFixture, type BrokerFixtureOptions, type BrokerLogin } from './broker.js';
