// How a refusal stands in a fact: its outcome follows from its code.

import type { Actor, Verdict } from '@flow-mcp/contracts';
import type { ErrorCode, FlowMcpError } from '@flow-mcp/kernel';
import { NOT_VISIBLE } from '@flow-mcp/policy';

/** A refusal in `verdict` or `resumed`. */
export type Refusal = Extract<Verdict, { step: 'refuse' }>;

/** Codes that are not listed have failed: something is wrong with the request itself. */
const OUTCOME_OF: Partial<Record<ErrorCode, Refusal['outcome']>> = {
  ERR_BUSY: 'busy',
  ERR_RATE_LIMITED: 'busy',
  ERR_LEDGER_FULL: 'busy',
  ERR_DEADLINE_PASSED: 'expired',
  ERR_EXPIRED: 'expired',
  ERR_CANCELLED: 'cancelled',
  ERR_DECLINED: 'declined',
  ERR_PASS_INVALID: 'denied',
  ERR_TOOL_NOT_VISIBLE: 'denied',
  ERR_CHANGED_SINCE_HELD: 'denied',
  ERR_RECEIPT_INVALID: 'denied',
};

/** The refusal that an error stands for; `actor` where he is verified. */
export function refuse(error: FlowMcpError, actor?: Actor): Refusal {
  const { code, message } = error;
  return {
    step: 'refuse',
    outcome: OUTCOME_OF[code] ?? 'failed',
    code,
    reason: message.slice(0, 1000).toWellFormed(),
    ...(code === 'ERR_TOOL_NOT_VISIBLE' ? { rule: NOT_VISIBLE } : {}),
    ...(actor === undefined ? {} : { actor }),
  };
}
