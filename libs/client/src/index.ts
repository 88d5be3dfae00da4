export { connectFlow, connectFlowMcp, type ConnectOptions, type FlowMcp } from './connect.js';
export {
  type CallCallbacks,
  type CallOptions,
  type CallOutcome,
  type CallRequest,
  type Decision,
  type Flow,
  type FlowServer,
  type FlowTool,
  type FlowTools,
  type GetToken,
  type HeldCall,
  type ToolName,
  type VoteResult,
} from './types.js';
