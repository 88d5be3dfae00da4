export { createUpstream, type UpstreamOptions } from './create-upstream.js';
export { type AddressPolicyOptions } from './address-policy.js';
export { type Lookup } from './guarded-connect.js';
export type { UpstreamLimits } from './limits.js';
export type {
  CallAnswer,
  CallRequest,
  DiscoverRequest,
  Discovery,
  Reason,
  RpcError,
  UnreachableReason,
  Upstream,
  UpstreamProgress,
  UpstreamProtocol,
  UpstreamServer,
  UpstreamStats,
} from './upstream.js';
