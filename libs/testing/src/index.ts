export { startBrokerProxy, type BrokerProxy, type ProxyRule, type ProxyVerdict } from './broker-proxy.js';
export { startBroker, type BrokerFixture, type BrokerFixtureOptions, type BrokerLogin } from './broker.js';
export { startClickHouse, type ClickHouseFixture, type ClickHouseLogin } from './clickhouse.js';
