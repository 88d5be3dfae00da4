// Values of options, checked before anything is asked for.

import { parseDurationMs } from '@flow-mcp/kernel';
import { InvalidArgumentError } from 'commander';

/** A whole number from 0 on. */
export function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

/** Milliseconds from `30s`, `15m`, `24h`. */
export function duration(text: string): number {
  try {
    return parseDurationMs(text);
  } catch {
    throw new InvalidArgumentError('Give a duration such as 30s, 15m or 24h.');
  }
}

/** An option that may be repeated. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** Kinds as people write them. */
const KINDS = {
  server: 'MCPServer',
  servers: 'MCPServer',
  mcpserver: 'MCPServer',
  mcpservers: 'MCPServer',
  flow: 'Flow',
  flows: 'Flow',
} as const;

/** A kind of resource. */
export function kind(text: string): 'MCPServer' | 'Flow' {
  const found = Object.entries(KINDS).find(([word]) => word === text.toLowerCase());
  if (found === undefined) throw new InvalidArgumentError('Give server or flow.');
  return found[1];
}
