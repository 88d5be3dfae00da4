// `flow-mcp accept` and `flow-mcp decline`

import type { VoteResult } from '@flow-mcp/client';
import { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import { findPending, pendingCalls, pendingText } from '../pending-calls.js';
import { action, type Program, type Session } from '../session.js';
import { acceptancesInWords } from '../words.js';

interface Options {
  readonly flow?: string;
  readonly reason?: string;
}

type Vote = 'accept' | 'decline';

const DESCRIPTIONS: Readonly<Record<Vote, string>> = {
  accept: 'let a held call run',
  decline: 'keep a held call from running',
};

const examples = (vote: Vote) => `
The id may be cut short as long as it names one waiting call.

Examples:
  flow-mcp ${vote} 01932c6e --as bob
  flow-mcp ${vote} 01932c6e-7d5a-7c3f-9b1e-2f4a6c8e0d12 --reason "as agreed with Ada" --as bob
`;

/** Votes on a held call. */
export function decideCommand(program: Program, vote: Vote): Command {
  return new Command(vote)
    .description(DESCRIPTIONS[vote])
    .argument('<callId>', 'the call, as `flow-mcp pending` shows it')
    .option('--flow <name>', 'its Flow')
    .option('--reason <text>', 'why; it stands in the audit')
    .addHelpText('after', examples(vote))
    .action(action<Options>(program, (session, options, [id = '']) => decide(session, options, { vote, id })));
}

async function decide(
  { io, transport, screen }: Session,
  { flow, reason }: Options,
  { vote, id }: { readonly vote: Vote; readonly id: string },
): Promise<number> {
  const call = findPending(await pendingCalls(transport, flow), id);
  screen.aside(pendingText(call, io.nowMs(), screen.style));
  const { callId, digest } = call;
  const result = await transport
    .flow(call.flow)
    .decide({ callId, digest, vote, ...(reason === undefined ? {} : { reason }) });
  screen.answer({ flow: call.flow, callId, vote, ...result }, () => `${resultInWords(vote, result)}\n`);
  return EXIT.ok;
}

/** What the vote came to. */
function resultInWords(vote: Vote, { state, accepted, approvals }: VoteResult): string {
  switch (state) {
    case 'pending':
      return `Your vote counts: ${accepted} of ${acceptancesInWords(approvals)}.`;
    case 'accepted':
      return vote === 'accept' ? 'Accepted: the call runs.' : 'The call was accepted before your vote.';
    case 'declined':
      return vote === 'decline' ? 'Declined: the call does not run.' : 'The call was declined before your vote.';
    case 'cancelled':
      return 'The requester has cancelled the call.';
    case 'expired':
      return 'Nobody decided in time: the call has expired.';
  }
}
