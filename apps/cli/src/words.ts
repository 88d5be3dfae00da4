// Times, people and rules in words.

import type { Actor, Binding } from '@flow-mcp/contracts';
import type { EpochMs } from '@flow-mcp/kernel';

/** `14m 59s`, `1h 5m`, `340 ms`. */
export function durationInWords(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1_000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days}d ${hours}h`;
  if (hours > 0) return `${hours}h ${minutes}m`;
  if (minutes > 0) return `${minutes}m ${seconds % 60}s`;
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${seconds} s`;
}

/** `2024-11-14 20:48:08 UTC`. */
export function timeInWords(ms: EpochMs): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `Ada <ada@example.com>`. */
export function personInWords({ name, email, sub }: Pick<Actor, 'name' | 'email' | 'sub'>): string {
  const address = email ?? sub;
  return name === undefined ? address : `${name} <${address}>`;
}

/** Whom a binding names. */
function bindingInWords({ groupName, userEmail, id }: Binding): string {
  return groupName === undefined ? (userEmail ?? id ?? '') : `group ${groupName}`;
}

/** Who may decide on a held call. */
export function approversInWords(hold: {
  readonly approvers: readonly Binding[];
  readonly requesterMayDecide?: boolean;
}): string {
  const named = hold.approvers.map(bindingInWords).join(', ') || 'the requester';
  return hold.requesterMayDecide === false ? `${named}; not the requester` : named;
}

/** `2 acceptances`. */
export function acceptancesInWords(count: number): string {
  return count === 1 ? '1 acceptance' : `${count} acceptances`;
}
