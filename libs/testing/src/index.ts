export { startBrokerProxy, type BrokerProxy, type ProxyRule, type ProxyVerdict } from './broker-proxy.js';
export { startBroker, type BrokerFixture, type BrokerFixtureOptions, type BrokerLogin } from './broker.js';
export { startClickHouse, type ClickHouseFixture, type ClickHouseLogin } from './clickhouse.js';
export { freePort } from './stack/ports.js';
export { runApp, type ServiceProcess } from './stack/service-process.js';
export { SERVICES, startStack, type Service, type Stack, type StackOptions } from './stack/stack.js';
