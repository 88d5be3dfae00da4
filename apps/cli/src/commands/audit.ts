// `flow-mcp audit`

import { OUTCOMES, RPCS, type CallRow, type MessageOf, type Outcome, type auditCallRpc } from '@flow-mcp/contracts';
import { Command, Option } from 'commander';
import { EXIT } from '../exit-codes.js';
import { count, duration } from '../option-values.js';
import { safeJson, safeLine } from '../safe-text.js';
import { action, type Program, type Session } from '../session.js';
import type { Cell, Style } from '../style.js';
import { durationInWords, timeInWords } from '../words.js';

interface Options {
  readonly flow?: string;
  readonly server?: string;
  readonly tool?: string;
  readonly outcome?: Outcome;
  readonly person?: string;
  readonly since?: number;
  readonly limit?: number;
}

type AuditedCall = MessageOf<typeof auditCallRpc.response>;

const EXAMPLES = `
Admins see every call, others their own.

Examples:
  flow-mcp audit --as root
  flow-mcp audit --flow payments --outcome denied --since 24h --as root
  flow-mcp audit 01932c6e-7d5a-7c3f-9b1e-2f4a6c8e0d12 --as root
`;

/** Reads the audit trail. */
export function auditCommand(program: Program): Command {
  return new Command('audit')
    .description('read the audit trail: newest calls first, or one call with everything that happened to it')
    .argument('[callId]', 'one call')
    .option('--flow <name>', 'only of this Flow')
    .option('--server <name>', 'only of this server')
    .option('--tool <name>', 'only of this tool')
    .addOption(new Option('--outcome <outcome>', 'only calls that ended so').choices(OUTCOMES))
    .option('--person <who>', 'only calls for this person')
    .option('--since <duration>', 'only of the last 30m, 24h, 7d …', duration)
    .option('--limit <n>', 'how many at most', count)
    .addHelpText('after', EXAMPLES)
    .action(action<Options>(program, (session, options, [callId]) => audit(session, options, callId)));
}

async function audit({ io, transport, screen }: Session, options: Options, callId?: string): Promise<number> {
  const { since, flow, ...filters } = options;
  const ofFlow = flow === undefined ? {} : { flow };
  if (callId !== undefined) {
    const found = await transport.ask(RPCS.auditCall, { callId, ...ofFlow });
    screen.answer(found, (style) => callText(found, style));
    return EXIT.ok;
  }
  const { server, tool, outcome, person, limit } = filters;
  const wanted = Object.entries({ server, tool, outcome, person, limit }).filter(([, value]) => value !== undefined);
  const sinceMs = since === undefined ? {} : { sinceMs: io.nowMs() - since };
  const answer = await transport.ask(RPCS.auditCalls, { ...Object.fromEntries(wanted), ...ofFlow, ...sinceMs });
  screen.answer(answer, (style) => rowsText(answer.rows, style));
  if (answer.rows.length === 0) screen.note('No call is recorded that you may see and that fits.');
  return EXIT.ok;
}

/** Calls in a table. */
function rowsText(rows: readonly CallRow[], style: Style): string {
  if (rows.length === 0) return '';
  const cells = rows.map((row): Cell[] => [
    timeInWords(row.requestedAtMs),
    row.flow,
    row.server,
    row.tool,
    row.actor,
    outcomeCell(row, style),
    row.durationMs === undefined ? '' : durationInWords(row.durationMs),
    row.code,
    row.callId,
  ]);
  return style.table(['ASKED', 'FLOW', 'SERVER', 'TOOL', 'FOR', 'OUTCOME', 'TOOK', 'CODE', 'CALL'], cells);
}

/** One call: what is known of it, then its facts in order. */
function callText({ row, facts }: AuditedCall, style: Style): string {
  const optional = (name: string, ms: number | undefined): (readonly [string, string])[] =>
    ms === undefined ? [] : [[name, durationInWords(ms)]];
  return [
    `${style.colors.bold(safeLine(row.callId))}  ${[row.flow, row.server, row.tool].map(safeLine).join(' · ')}\n`,
    style.fields([
      ['for', row.actor],
      ['rule', row.rule],
      ...(row.decision === ''
        ? []
        : [['decision', [row.decision, row.voters.join(', ')].filter((text) => text !== '').join(' by ')] as const]),
      ['outcome', [row.outcome || 'not settled yet', row.code].filter((text) => text !== '').join(' ')],
      ...optional('took', row.durationMs),
      ...optional('held', row.heldMs),
      ...optional('at the server', row.upstreamMs),
    ]),
    ...facts.map(({ seq, storedAtMs, fact, payload }) => {
      const head = `${style.colors.dim(`${seq}  ${timeInWords(storedAtMs)}`)}  ${style.colors.bold(safeLine(fact))}`;
      return `\n${head}\n${safeJson(payload).replace(/^/gm, '    ')}\n`;
    }),
  ].join('');
}

function outcomeCell({ outcome }: CallRow, { colors }: Style): Cell {
  if (outcome === '') return { text: 'open', color: colors.yellow };
  const color = outcome === 'succeeded' ? colors.green : outcome === 'unknown' ? colors.yellow : colors.red;
  return { text: outcome, color };
}
