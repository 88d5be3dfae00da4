// Why a server lists tools, or none.

import type { Health } from '@flow-mcp/contracts';
import { safeLine } from './safe-text.js';
import type { Cell, Style } from './style.js';

/** Health in a table. */
export function healthCell(health: Health | undefined, { colors }: Style): Cell {
  if (health === undefined) return '';
  const color = health.reason === 'ok' ? colors.green : health.reason === 'pending' ? colors.yellow : colors.red;
  return { text: health.reason, color };
}

/** What is to be done about every server that is not well, a line each. */
export function healthNotes(servers: readonly { readonly name: string; readonly health?: Health }[]): string {
  return servers
    .filter(({ health }) => health !== undefined && health.reason !== 'ok')
    .map(({ name, health }) => `${safeLine(name)}: ${safeLine(health?.message ?? '')}\n`)
    .join('');
}
