export {
  ERROR_CODES,
  FlowMcpError,
  PoisonError,
  RefusedError,
  RetryableError,
  describeError,
  errorCode,
  type ErrorCode,
} from './errors.js';
export { CALL_ID_PATTERN, NAME_PATTERN, callIdTimeMs, type CallId, type Name } from './ids.js';
export { JSON_DEPTH_MAX, isJsonObject, parseStrictJson, type Json, type JsonObject } from './json.js';
export { parseBytes, parseDurationMs, parseRate, type EpochMs, type Rate } from './units.js';
