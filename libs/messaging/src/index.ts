export { openBucket, watchBucket, type Bucket, type WatchBucketOptions } from './bucket.js';
export { BrokerClock, type ReadBrokerTime } from './broker-clock.js';
export { brokerTime, type BrokerTime } from './broker-time.js';
export { BrokerConnection, connectBroker, type BrokerOptions, type Report } from './connection.js';
export {
  consume,
  type Consumption,
  type ConsumeOptions,
  type Delivery,
  type DeliveryHandler,
  type Disposition,
} from './consume.js';
export { publishMessage, subscribeMessages } from './core-messages.js';
export { type RepublishedFact, type StoredFact } from './fact.js';
export { follow, type FollowOptions, type Follower } from './follow.js';
export { createLedger, type Appended, type FactHeaders, type Ledger } from './ledger.js';
export { MessageHeaders } from './message-headers.js';
export { openObjects, type ObjectStore } from './objects.js';
export { preflight } from './preflight.js';
export { provision, type ProvisionStep } from './provision.js';
export { request, type RpcOptions } from './rpc.js';
export { serveRpc, type ServedRpc, type ServeRpcOptions } from './serve-rpc.js';
export { subscribeStored, waitForStored } from './stored.js';
export { PROVISION_DEFAULTS, type ProvisionOptions } from './stream-configs.js';
export { type StreamState } from './stream-state.js';
export { createUserKey, publicKeyOf, type UserKey } from './user-key.js';
