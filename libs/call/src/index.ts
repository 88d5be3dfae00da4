export {
  nextStep,
  type Arbiter,
  type CallFacts,
  type NextStep,
  type Refusal,
  type Run,
  type Trigger,
} from './next-step.js';
export { outcomeOf, type RunEnd, type RunOutcome, type UpstreamAnswer } from './outcome.js';
