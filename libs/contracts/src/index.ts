export { SIGNING_EXAMPLE } from './asyncapi-guide.js';
export { type Examples } from './asyncapi-messages.js';
export { asyncApi, type AsyncApiDocument } from './asyncapi.js';
export { CONTRACTS, type Channel } from './catalogue.js';
export { contractsPage } from './contracts-page.js';
export {
  check,
  contract,
  decode,
  encode,
  expectType,
  firstProblem,
  type Contract,
  type MessageOf,
} from './contract.js';
export { CLOUDEVENTS_VERSION, HEADERS } from './headers.js';
export { natsKeyVariable, natsPermissionsConf } from './permissions-conf.js';
export { NATS_USERS, inboxPrefix, type NatsPermissions, type NatsUser } from './permissions.js';
export { howToRelease, snapshots, type Snapshot } from './snapshots.js';
export { CONSUMERS, LIMITS, RESULTS_BUCKET, STREAMS, TOOLS_BUCKET, type StreamName } from './streams.js';
export {
  SUBJECTS,
  callSubject,
  everyCall,
  parseCallSubject,
  parseResourceSubject,
  progressSubject,
  resourceSubject,
  rpcSubject,
  siblingSubject,
  storedSubject,
  toolsChangedSubject,
  voteSubject,
  type CallFact,
  type CallSubject,
  type ResourceKind,
  type RpcService,
} from './subjects.js';
export { termsOf, type ServerTerms } from './terms.js';
export {
  FACT_CONTRACTS,
  OUTCOMES,
  cancelV1,
  decidedV1,
  lateV1,
  requestedV1,
  resumedV1,
  retriedV1,
  settledV1,
  verdictV1,
  votedV1,
  type Cancel,
  type Decided,
  type HoldTerms,
  type Late,
  type Outcome,
  type Requested,
  type Resumed,
  type Retried,
  type RunTerms,
  type Settled,
  type Verdict,
  type Voted,
} from './v1/facts.js';
export { progressV1, toolsChangedV1, type Progress } from './v1/signals.js';
export {
  API_VERSION,
  RESOURCE_CONTRACTS,
  flowV1,
  mcpServerV1,
  resourceChangedV1,
  type Flow,
  type MCPServer,
  type Resource,
  type ResourceChanged,
} from './v1/resources.js';
export {
  RPCS,
  applyRpc,
  auditCallRpc,
  auditCallsRpc,
  decideRpc,
  deleteRpc,
  discoverRpc,
  discoveredV1,
  getRpc,
  heldRpc,
  listRpc,
  passRpc,
  pendingRpc,
  resultRpc,
  rpcErrorV1,
  toolsRpc,
  watchRpc,
  type CallRow,
  type Discovered,
  type Health,
  type PendingCall,
  type Registered,
  type RpcAnswer,
  type RpcContract,
  type RpcQuestion,
  type ToolDefinition,
} from './v1/rpc.js';
export { actorSchema, type Actor, type Binding, type Rule } from './v1/shared.js';
