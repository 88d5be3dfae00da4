export {
  matches,
  mayCreate,
  mayReadFlow,
  mayReadServer,
  mayWriteFlow,
  mayWriteServer,
  samePerson,
  type Binding,
  type Bindings,
  type Permission,
  type Person,
} from './bindings.js';
export {
  NOT_VISIBLE,
  decide,
  isVisible,
  type Decision,
  type FlowNow,
  type Question,
  type ServerNow,
} from './decide.js';
export type { Rule } from './rule.js';
export { holdRule, isOffered, type Tool, type ToolRules } from './tools.js';
export { mayVote, tally, type HoldRule, type Vote } from './votes.js';
