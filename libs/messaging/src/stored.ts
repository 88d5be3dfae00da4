// Waiting for facts that others write.
//
// 1. Nobody acts on an unstored fact: what is listened to are the republished subjects, where only the broker may
//    publish. A fact that the broker refused is never seen there.
// 2. Core delivery is at most once: a waiter also reads the fact when the connection is back and after 2, 4, 8 … s.

import { setTimeout as sleep } from 'node:timers/promises';
import { storedSubject } from '@flow-mcp/contracts';
import { RetryableError } from '@flow-mcp/kernel';
import type { BrokerConnection } from './connection.js';
import { factOfRepublish, type RepublishedFact } from './fact.js';
import type { Ledger } from './ledger.js';

const READ_AGAIN_FIRST_MS = 2_000;
const READ_AGAIN_MAX_MS = 32_000;

/**
 * Calls back for every fact that is stored on `subject` (wildcards allowed, as `flowmcp.v1.calls.…`) from now on, as
 * far as core NATS delivers it. Returns what ends that. What the callback throws is reported.
 */
export function subscribeStored(
  connection: BrokerConnection,
  subject: string,
  callback: (fact: RepublishedFact) => void,
): () => void {
  const subscription = connection.nats.subscribe(storedSubject(subject), {
    callback: (error, message) => {
      if (error !== null) return;
      const fact = factOfRepublish(message);
      if (fact === undefined) return;
      try {
        callback(fact);
      } catch (problem) {
        // What is thrown here would end the reader of the whole connection.
        connection.report(`A fact on ${fact.subject} could not be taken.`, problem);
      }
    },
  });
  return () => subscription.unsubscribe();
}

/**
 * Waits until there is a fact on one of `subjects` (no wildcards) and returns it. The subscription stands before the
 * first read, and that read happens at once, so call it before or after the request is published.
 * @throws the signal's reason when it aborts first
 */
export async function waitForStored(
  connection: BrokerConnection,
  ledger: Ledger,
  subjects: readonly string[],
  signal: AbortSignal,
): Promise<RepublishedFact> {
  signal.throwIfAborted();
  const ends: (() => void)[] = [];
  const ended = new AbortController();
  try {
    return await new Promise<RepublishedFact>((resolve, reject) => {
      const abort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      ends.push(() => signal.removeEventListener('abort', abort));
      for (const subject of subjects) ends.push(subscribeStored(connection, subject, resolve));
      const read = (): void => void readAny(ledger, subjects).then((fact) => fact && resolve(fact), reject);
      ends.push(connection.onRestored(read));
      void readAgainAndAgain(read, ended.signal);
    });
  } finally {
    ended.abort();
    for (const end of ends) end();
  }
}

/** Invariant 2. */
async function readAgainAndAgain(read: () => void, signal: AbortSignal): Promise<void> {
  for (let pauseMs = READ_AGAIN_FIRST_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, READ_AGAIN_MAX_MS)) {
    read();
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

async function readAny(ledger: Ledger, subjects: readonly string[]): Promise<RepublishedFact | undefined> {
  for (const subject of subjects) {
    const fact = await ledger.read(subject).catch(ignoreRetryable);
    if (fact !== undefined) return fact;
  }
  return undefined;
}

function ignoreRetryable(error: unknown): undefined {
  if (!(error instanceof RetryableError)) throw error;
  return undefined;
}
