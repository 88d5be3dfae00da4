// A fact as the broker stored it, from whichever way it was read.

import { HEADERS, storedSubject } from '@flow-mcp/contracts';
import type { EpochMs } from '@flow-mcp/kernel';
import type { Msg } from 'nats';
import type { Answer } from './inbox.js';
import { readHeaders, type MessageHeaders } from './message-headers.js';

/** A fact that the broker has stored, whatever it was sent through. */
export interface RepublishedFact {
  readonly subject: string;
  /** Its place in the stream. */
  readonly seq: number;
  readonly payload: Uint8Array;
  readonly headers: MessageHeaders;
  /** By which its writer knows it again. */
  readonly nonce: string | undefined;
}

/** A fact as it lies in its stream. */
export interface StoredFact extends RepublishedFact {
  /** When the broker stored it, by the broker's clock. */
  readonly storedAtMs: EpochMs;
}

/** A fact on its way from a consumer. */
export interface DeliveredFact extends StoredFact {
  /** How often it was delivered to this consumer, from 1. */
  readonly deliveryCount: number;
  /** Its number among this consumer's deliveries, from 1. */
  readonly deliverySeq: number;
  /** How many more are waiting behind it. */
  readonly pending: number;
  /** Where acks of this delivery go. */
  readonly ackSubject: string;
}

/** The answer to a direct get; `undefined` when it holds no stored message. */
export function factOfDirectGet({ headers, payload }: Answer): StoredFact | undefined {
  const subject = headers.get('Nats-Subject');
  const seq = headers.get('Nats-Sequence');
  const time = headers.get('Nats-Time-Stamp');
  if (subject === undefined || seq === undefined || time === undefined) return undefined;
  return { subject, seq: Number(seq), storedAtMs: Date.parse(time), payload, headers, nonce: headers.get(HEADERS.id) };
}

/**
 * A republished message; `undefined` when it is none. Its subject is the stored fact's own. Whoever may make a consumer
 * may have it deliver here, but not under the subject of a republished fact, so the two must agree.
 */
export function factOfRepublish(message: Msg): RepublishedFact | undefined {
  const { headers } = readHeaders(message);
  const subject = headers.get('Nats-Subject');
  const seq = headers.get('Nats-Sequence');
  if (subject === undefined || seq === undefined || message.subject !== storedSubject(subject)) return undefined;
  return { subject, seq: Number(seq), payload: message.data, headers, nonce: headers.get(HEADERS.id) };
}

/**
 * A consumer's message; `undefined` for the broker's own status messages. The reply subject tells them apart, which
 * only the broker writes; a status line may have been written by a publisher.
 */
export function factOfDelivery(message: Msg): DeliveredFact | undefined {
  const ackSubject = message.reply ?? '';
  const place = parseAckSubject(ackSubject);
  if (place === undefined) return undefined;
  const { headers } = readHeaders(message);
  const nonce = headers.get(HEADERS.id);
  return { subject: message.subject, payload: message.data, headers, nonce, ackSubject, ...place };
}

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveryCount>.<seq>.<deliverySeq>.<nanoseconds>.<pending>`, in newer brokers with
 * domain and account behind `ACK` and a random token at the end (nats-server ADR-15).
 */
function parseAckSubject(
  subject: string,
): Pick<DeliveredFact, 'deliveryCount' | 'seq' | 'deliverySeq' | 'storedAtMs' | 'pending'> | undefined {
  if (!subject.startsWith('$JS.ACK.')) return undefined;
  const tokens = subject.split('.');
  const from = tokens.length > 9 ? 6 : 4;
  const [deliveryCount = NaN, seq = NaN, deliverySeq = NaN, nanoseconds = NaN, pending = NaN] = tokens
    .slice(from, from + 5)
    .map(Number);
  return { deliveryCount, seq, deliverySeq, storedAtMs: Math.floor(nanoseconds / 1e6), pending };
}
