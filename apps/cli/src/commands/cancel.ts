// `flow-mcp cancel`

import { CALL_ID_PATTERN, type CallId, type Name } from '@flow-mcp/kernel';
import { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { findPending, pendingCalls } from '../pending-calls.js';
import { action, flowOf, type Program, type Session } from '../session.js';

interface Options {
  readonly flow?: string;
  readonly reason?: string;
}

const EXAMPLES = `
A held call is cancelled at once. A running one is stopped at its server; if it may have acted, its outcome is unknown.

Examples:
  flow-mcp cancel 01932c6e-7d5a-7c3f-9b1e-2f4a6c8e0d12 --flow payments --as alice
`;

/** Asks for a call to be stopped. */
export function cancelCommand(program: Program): Command {
  return new Command('cancel')
    .description('ask for a held or running call to be stopped')
    .argument('<callId>', 'the call')
    .option('--flow <name>', 'its Flow; needed unless the call waits for a person')
    .option('--reason <text>', 'why; it stands in the audit')
    .addHelpText('after', EXAMPLES)
    .action(action<Options>(program, cancel));
}

async function cancel(session: Session, options: Options, [id = '']: readonly string[]): Promise<number> {
  const { transport, screen } = session;
  const { flow, callId } = await whichCall(session, options, id);
  await transport.flow(flow).cancel(callId, options.reason);
  screen.answer({ flow, callId, cancel: 'asked' }, () => 'Asked for the call to be stopped.\n');
  screen.note(`\`flow-mcp audit ${callId}\` shows what came of it.`);
  return EXIT.ok;
}

/** A whole id with its Flow names a call by itself; else it is one of those that wait. */
async function whichCall(
  session: Session,
  options: Options,
  id: string,
): Promise<{ readonly flow: Name; readonly callId: CallId }> {
  if (CALL_ID_PATTERN.test(id) && options.flow !== undefined) return { flow: options.flow, callId: id };
  const calls = await pendingCalls(session.transport, options.flow);
  if (calls.some(({ callId }) => callId.startsWith(id.toLowerCase()))) return findPending(calls, id);
  return { flow: flowOf(options, session), callId: id };
}
