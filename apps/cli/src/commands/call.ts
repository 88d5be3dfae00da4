// `flow-mcp call`

import type { CallOutcome, CallRequest, Flow, FlowTool, HeldCall } from '@flow-mcp/client';
import type { JsonObject } from '@flow-mcp/kernel';
import { Command } from 'commander';
import { parseCallArguments } from '../call-arguments.js';
import { callReport, outcomeText } from '../call-report.js';
import { contentText } from '../content.js';
import { EXIT } from '../exit-codes.js';
import { CTRL_C, type Io } from '../io.js';
import { collect, duration } from '../option-values.js';
import { action, flowOf, type Program, type Session } from '../session.js';

interface Options {
  readonly flow?: string;
  readonly server?: string;
  readonly arg?: readonly string[];
  readonly args?: string;
  readonly reason?: string;
  readonly callId?: string;
  readonly startWithin?: number;
  /** `--no-wait` */
  readonly wait: boolean;
}

const EXAMPLES = `
The result is printed on stdout, everything else on stderr. Exit code 0 only if the tool succeeded.
While a call is held this waits until somebody decides; Ctrl-C offers to cancel it or to leave it.

Examples:
  flow-mcp call plural__get_account --flow payments --arg accountId=acc-1001 --as alice
  flow-mcp call get_account --server plural --flow payments --args '{"accountId": "acc-1001"}' --as alice
  flow-mcp call query --server postgres --flow payments --args @query.json --as alice -o json
  flow-mcp call servicenow__add_work_note --flow payments --arg number=INC0010001 --arg note=Seen --no-wait --as alice
`;

/** Calls a tool. */
export function callCommand(program: Program): Command {
  return new Command('call')
    .description('call a tool through a Flow, and wait for its outcome')
    .argument('<tool>', 'its name as `flow-mcp tools` lists it, or with --server the name that the server gave it')
    .option('--flow <name>', 'the Flow')
    .option('--server <name>', 'the server whose tool it is')
    .option('--arg <name=value>', 'one argument; JSON is taken as such unless the tool wants text', collect)
    .option('--args <json>', 'a JSON object, @FILE, or - for stdin')
    .option('--reason <text>', 'why, for whoever must confirm it')
    .option('--call-id <uuid>', 'a UUIDv7; the same call under the same id is made once')
    .option('--start-within <duration>', 'how long it may take until it starts', duration)
    .option('--no-wait', 'do not wait for a person: exit 4 if the call is held')
    .addHelpText('after', EXAMPLES)
    .action(action<Options>(program, (session, options, [tool = '']) => call(session, options, tool)));
}

type Listing = Pick<Flow, 'tools'>;

/** Why this program no longer waits for a call that goes on. */
type Left = { readonly left: 'held' | 'interrupted' };

async function call(session: Session, options: Options, tool: string): Promise<number> {
  const { io, screen, transport } = session;
  const flow = transport.flow(flowOf(options, session));
  const request = await requestOf(io, flow, options, tool);
  const report = callReport(screen, io);
  const stop = new AbortController();
  const ended = new AbortController();
  const waiting = await new Promise<CallOutcome | Left>((resolve, reject) => {
    const forget = io.onInterrupt(() => {
      void onInterrupt(io, stop, ended.signal).then((leave) => leave && resolve({ left: 'interrupted' }), reject);
    });
    const onHeld = (held: HeldCall): void => {
      report.held(held, options.wait);
      if (!options.wait) resolve({ left: 'held' });
    };
    const callbacks = { onRequested: report.requested, onHeld, onDecided: report.decided, onProgress: report.progress };
    const named = options.callId === undefined ? {} : { callId: options.callId };
    flow
      .call(request, { ...callbacks, ...named, signal: stop.signal })
      .then(resolve, reject)
      .finally(() => (forget(), ended.abort()));
  });
  if ('left' in waiting) return leave(session, report.callId(), waiting);
  const result = waiting.resultRef === undefined ? waiting.result : await flow.result(waiting.callId);
  return conclude(session, waiting, result);
}

async function requestOf(io: Io, flow: Listing, options: Options, tool: string): Promise<CallRequest> {
  const { server, reason, startWithin, arg = [] } = options;
  const schema = arg.length === 0 ? undefined : await schemaOf(flow, server, tool);
  const given = parseCallArguments(await argumentsText(io, options.args), arg, schema);
  return {
    ...(server === undefined ? { name: tool } : { server, tool }),
    arguments: given,
    ...(reason === undefined ? {} : { reason }),
    ...(startWithin === undefined ? {} : { startWithinMs: startWithin }),
  };
}

/** What the tool's arguments must be, if this person may call it. */
async function schemaOf(flow: Listing, server: string | undefined, tool: string): Promise<JsonObject | undefined> {
  const { tools } = await flow.tools();
  const isMeant = (listed: FlowTool): boolean =>
    server === undefined ? listed.name === tool : listed.server === server && listed.definition.name === tool;
  return tools.find(isMeant)?.definition.inputSchema;
}

async function argumentsText(io: Io, args: string | undefined): Promise<string | undefined> {
  if (args === '-') return io.readStdin();
  return args?.startsWith('@') === true ? io.readFile(args.slice(1)) : args;
}

/** Ctrl-C: whether to stop waiting. The second one leaves without asking; without a person to ask, the first cancels. */
async function onInterrupt(io: Io, stop: AbortController, ended: AbortSignal): Promise<boolean> {
  if (stop.signal.aborted) return true;
  const answer = await io.question('\nCancel the call (c), leave it running (l), or keep waiting (Enter)? ', ended);
  if (answer === undefined || answer.toLowerCase().startsWith('c')) stop.abort();
  return answer === CTRL_C || answer?.toLowerCase().startsWith('l') === true;
}

function leave({ screen }: Session, callId: string | undefined, { left }: Left): number {
  if (callId !== undefined) {
    screen.answer({ callId, left }, () => '');
    screen.note(`Call ${callId} goes on. \`flow-mcp audit ${callId}\` shows what came of it.`);
  }
  return left === 'held' ? EXIT.held : EXIT.interrupted;
}

function conclude({ screen }: Session, outcome: CallOutcome, result: JsonObject | undefined): number {
  const whole = { ...outcome, ...(result === undefined ? {} : { result }) };
  screen.answer(whole, () => (result === undefined ? '' : contentText(result)));
  screen.aside(outcomeText(outcome, screen.style));
  return outcome.outcome === 'succeeded' ? EXIT.ok : EXIT.failed;
}
