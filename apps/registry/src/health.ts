// When a server is asked for its tools, and what is kept of its answer. Pure.
//
//   H1. Healthy: again after the interval, give or take a tenth. Not: after a pause that doubles up to a bound; how long
//       the last one was stands in the entry, so that every replica goes on where another left off.
//   H2. A server that cannot be asked keeps the tools that it had, as long as its registration is the same: a call may
//       still succeed. They are not listed, and its health says why.
//   H3. Of two tools with one name the first counts.

import type { Discovered, Health, RpcAnswer, ToolDefinition, discoverRpc } from '@flow-mcp/contracts';
import type { EpochMs, Name } from '@flow-mcp/kernel';

/** The most that replicas wait for each other, in milliseconds. */
export const STAGGER_MS = 2_000;

/** How often servers are asked, in milliseconds. */
export interface Timing {
  readonly intervalMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

/** A server at one generation. */
export interface ServerVersion {
  readonly server: Name;
  readonly generation: number;
}

/** What the executor answers. */
export type DiscoveryAnswer = RpcAnswer<typeof discoverRpc>;

/** The entry that follows from an answer. `random` is from 0 to 1; `hash` gives a definition's SHA-256. */
export function nextEntry(
  version: ServerVersion,
  previous: Discovered | undefined,
  answer: DiscoveryAnswer,
  { timing, random, hash }: { timing: Timing; random: number; hash: (definition: ToolDefinition) => string },
): Discovered {
  const isHealthy = answer.health.reason === 'ok';
  const pauseMs = isHealthy ? timing.intervalMs * (0.9 + random / 5) : backoffMs(previous, timing);
  const health = { ...answer.health, nextCheckAtMs: answer.health.checkedAtMs + Math.round(pauseMs) };
  if (isHealthy)
    return {
      ...version,
      health,
      tools: distinct(answer.tools).map((definition) => ({ sha256: hash(definition), definition })),
    };
  const kept = previous?.generation === version.generation ? previous.tools : [];
  return { ...version, health, tools: kept };
}

/**
 * How long to wait before asking. Replicas wait differently, so that one of them is first and the others see its entry;
 * `random` is from 0 to 1.
 */
export function waitMs(entry: Discovered | undefined, generation: number, nowMs: EpochMs, random: number): number {
  if (entry?.generation !== generation) return STAGGER_MS * (1 + random);
  const dueInMs = Math.max(0, (entry.health.nextCheckAtMs ?? 0) - nowMs);
  return dueInMs + random * Math.min(STAGGER_MS, STAGGER_MS / 10 + dueInMs / 5);
}

/** What is said of a server that has not been asked yet at this generation. */
export function pendingHealth(message: string): Health {
  return { reason: 'pending', message, checkedAtMs: 0 };
}

/** The tools that are listed: those of a healthy server. */
export function listedTools(entry: Discovered | undefined): Discovered['tools'] {
  return entry?.health.reason === 'ok' ? entry.tools : [];
}

/** H1. */
function backoffMs(previous: Discovered | undefined, { backoffMinMs, backoffMaxMs }: Timing): number {
  if (previous === undefined || previous.health.reason === 'ok') return backoffMinMs;
  const { checkedAtMs, nextCheckAtMs = checkedAtMs } = previous.health;
  return Math.min(Math.max(backoffMinMs, 2 * (nextCheckAtMs - checkedAtMs)), backoffMaxMs);
}

/** H3. */
function distinct(tools: readonly ToolDefinition[]): ToolDefinition[] {
  const seen = new Set<string>();
  return tools.filter(({ name }) => !seen.has(name) && seen.add(name));
}
