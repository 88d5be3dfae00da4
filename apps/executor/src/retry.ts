// The second and last run of a tool that is safe to retry, after the first one's owner was lost.
// It waits for a place like any call, and is made only if the call would still be let through today.

import { parseCallSubject, type Requested, type Verdict } from '@flow-mcp/contracts';
import { callTokenId } from '@flow-mcp/identity';
import { RefusedError } from '@flow-mcp/kernel';
import type { Delivery, Disposition, StoredFact } from '@flow-mcp/messaging';
import type { Steps } from './advance.js';
import { askPolicy } from './ask-policy.js';
import { authenticationLabel } from './credentials.js';
import type { RegisteredServer, RegistryCopy } from './registry-copy.js';

const LOOK_AGAIN: Disposition = { nakMs: 1_000 };

/** The second run; `undefined` when there must be none, so that the call is unknown. */
export async function retry(
  delivery: Delivery,
  verdict: Verdict | undefined,
  steps: Steps,
): Promise<Disposition | undefined> {
  const { fact } = delivery;
  const { log, clock, entrance } = steps;
  const requested = await log.read(fact, 'requested');
  if (requested === undefined || verdict === undefined || verdict.step === 'refuse') return LOOK_AGAIN;
  const server = serverForRetry(steps.registry, fact, requested, verdict);
  if (server === undefined) return undefined;
  const { actor, argumentsSha256 } = verdict;
  const { flow, callId } = parseCallSubject(fact.subject);
  const { timeoutMs } = server.terms.limits;
  const entered = await entrance.enter({ flow, callId, actor }, server, clock.brokerMs() + timeoutMs).catch(noPlace);
  if (entered === 'later') return LOOK_AGAIN;
  if (entered === 'unwanted') return undefined;
  try {
    const run = { jti: callTokenId(callId, 2), attempt: 2, timeoutMs };
    const startedMs = clock.monotonicMs();
    if (!(await log.append(fact, 'retried', { run }))) return LOOK_AGAIN;
    await steps.runner.run({ fact, requested, actor, argumentsSha256, server, run, startedMs });
    return { ack: true };
  } finally {
    entered.release();
  }
}

/** A second run waits for a place like any call; one that was cancelled meanwhile is not made. */
function noPlace(error: unknown): 'later' | 'unwanted' {
  if (error instanceof RefusedError) return error.code === 'ERR_CANCELLED' ? 'unwanted' : 'later';
  throw error;
}

/** The server of the first run, if it is the same one and this person may still call this tool unheld. */
function serverForRetry(
  registry: RegistryCopy,
  { subject }: StoredFact,
  requested: Requested,
  { actor, server }: Exclude<Verdict, { step: 'refuse' }>,
): RegisteredServer | undefined {
  try {
    const now = askPolicy(registry, actor, parseCallSubject(subject).flow, requested).server;
    return now.terms.url === server.url && authenticationLabel(now.terms) === server.authentication ? now : undefined;
  } catch (error) {
    if (error instanceof RefusedError) return undefined;
    throw error;
  }
}
