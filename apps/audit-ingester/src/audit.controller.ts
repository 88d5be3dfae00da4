// rpc `audit-ingester.calls` and `.call`: the audit trail for people.
//
//   A1. Admins see every call, everybody else their own. A call that a person may not see is not found.
//   A2. The answer fits in one message: payloads that do not are left out and named by their size.

import { LIMITS, RPCS, type Actor, type MessageOf, type auditCallRpc, type auditCallsRpc } from '@flow-mcp/contracts';
import type { CallFactRow, CallsFilter } from '@flow-mcp/clickhouse';
import { RefusedError } from '@flow-mcp/kernel';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { AUDIT, PEOPLE, type Audit, type People } from './parts.js';

type CallsRequest = MessageOf<typeof auditCallsRpc.request>;
type CallsAnswer = MessageOf<typeof auditCallsRpc.response>;
type CallRequest = MessageOf<typeof auditCallRpc.request>;
type CallAnswer = MessageOf<typeof auditCallRpc.response>;

/** Leaves room for the row, and for text that grows when it is written as JSON. */
const PAYLOAD_BYTES_MAX = LIMITS.rpcBytes / 2;

/** Authorization: the person's token, and A1. */
@Controller()
export class AuditController {
  private readonly people: People;
  private readonly audit: Audit;

  constructor(@Inject(PEOPLE) people: People, @Inject(AUDIT) audit: Audit) {
    this.people = people;
    this.audit = audit;
  }

  @MessagePattern<string>(RPCS.auditCalls.subject)
  async calls(@Payload() { token, ...filter }: CallsRequest): Promise<CallsAnswer> {
    const person = await this.people.verify(token);
    return { rows: await this.audit.calls({ ...filter, ...visibleTo(person) }) };
  }

  @MessagePattern<string>(RPCS.auditCall.subject)
  async call(@Payload() { token, flow, callId }: CallRequest): Promise<CallAnswer> {
    const person = await this.people.verify(token);
    const [row] = await this.audit.calls({ flow, callId, limit: 1, ...visibleTo(person) });
    if (row === undefined) throw notFound(callId);
    const facts = await this.audit.callFacts(row.flow, row.callId);
    return { row, facts: fitting(facts) };
  }
}

/** A1. */
function visibleTo({ admin, iss, sub }: Actor): Pick<CallsFilter, 'actor'> {
  return admin ? {} : { actor: { iss, sub } };
}

/** A2: the smallest first, so that one large result does not hide the rest. */
function fitting(facts: readonly CallFactRow[]): CallFactRow[] {
  const sized = facts.map((fact) => ({ fact, bytes: Buffer.byteLength(JSON.stringify(fact.payload)) }));
  let bytes = 0;
  const kept = new Set<CallFactRow>();
  for (const each of [...sized].sort((one, other) => one.bytes - other.bytes)) {
    bytes += each.bytes;
    if (bytes <= PAYLOAD_BYTES_MAX) kept.add(each.fact);
  }
  return sized.map(({ fact, bytes: size }) => (kept.has(fact) ? fact : { ...fact, payload: { leftOutBytes: size } }));
}

function notFound(callId: string): RefusedError {
  const message = `There is no call ${callId} that you may see; it appears here about a second after it was made.`;
  return new RefusedError('ERR_NOT_FOUND', message, { field: 'callId' });
}
