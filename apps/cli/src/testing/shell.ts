// A shell in memory: one command line against a transport that answers as told.

import type { CallOutcome, Flow, HeldCall } from '@flow-mcp/client';
import { RefusedError } from '@flow-mcp/kernel';
import type { Io } from '../io.js';
import { run } from '../run.js';
import type { Transport } from '../transport.js';

/** A call, for all tests. */
export const CALL_ID = '01932c6e-7d5a-7c3f-9b1e-2f4a6c8e0d12';
/** What the clock says: 2024-11-14 20:47:38 UTC. */
export const NOW = 1_731_617_258_842;
/** Clears a terminal that lets it through. */
export const ESCAPE = '\u001b[2J';
/** A digest of a hold. */
export const DIGEST = 'a'.repeat(64);

/** A call that waits for group sre, for another 14 minutes 59. */
export const held: HeldCall = {
  callId: CALL_ID,
  server: 'plural',
  tool: 'set_payment_plan',
  requester: { iss: 'https://login.example.com', sub: '1815', email: 'ada@example.com', groups: [], admin: false },
  rule: { id: 'confirm', text: 'Every call needs a person.' },
  digest: DIGEST,
  approvers: [{ groupName: 'sre' }],
  requesterMayDecide: false,
  approvals: 1,
  expiresAtMs: NOW + 899_000,
};

/** A successful outcome, but for what is told. */
export function outcomeOf(more: Partial<CallOutcome>): CallOutcome {
  return { flow: 'payments', callId: CALL_ID, outcome: 'succeeded', attempt: 1, ...more };
}

/** What surrounds a command line. */
export interface World {
  readonly env?: NodeJS.ProcessEnv;
  readonly files?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** By rpc subject; an error is thrown. */
  readonly answers?: Readonly<Record<string, unknown>>;
  readonly flow?: Partial<Flow>;
  /** What the person answers; nobody is there unless told. */
  readonly question?: string;
  readonly connect?: () => Promise<never>;
}

const ENV = { FLOWMCP_NATS_URL: 'nats://127.0.0.1:1', FLOWMCP_TOKEN: 'token', NO_COLOR: '1' };

/** Who listens for Ctrl-C. */
const interrupts = new Set<() => void>();

/** Ctrl-C. */
export function pressCtrlC(): void {
  for (const listener of [...interrupts]) listener();
}

/** Runs a command line, its words separated by spaces. */
export async function shell(line: string, world: World = {}) {
  const asked: unknown[] = [];
  const shown = { out: '', err: '', closed: 0 };
  const io: Io = {
    env: { ...ENV, ...world.env },
    cwd: '/home/ada',
    terminal: { columns: 80, colors: false },
    stdout: (text) => void (shown.out += text),
    stderr: (text) => void (shown.err += text),
    readFile: async (path) => fileOf(world, path),
    readStdin: async () => world.stdin ?? '',
    nowMs: () => NOW,
    connect: world.connect ?? (async () => transportOf(world, asked, () => (shown.closed += 1))),
    onInterrupt: (listener) => {
      interrupts.add(listener);
      return () => void interrupts.delete(listener);
    },
    question: async () => world.question,
  };
  const code = await run(line.split(' '), io);
  return { code, ...shown, asked, listening: interrupts.size };
}

function transportOf(world: World, asked: unknown[], onClose: () => void): Transport {
  const flow = (name: string): Partial<Flow> => ({
    tools: async () => ({ tools: [], servers: [] }),
    decide: async (vote) => {
      asked.push({ flow: name, decide: vote });
      return { state: 'accepted', accepted: 1, approvals: 1 };
    },
    cancel: async (callId, reason) => void asked.push({ flow: name, cancel: callId, reason }),
    ...world.flow,
  });
  return {
    ask: async (rpc, question) => {
      asked.push([rpc.subject.split('.').slice(3).join('.'), question]);
      const answer = world.answers?.[rpc.subject];
      if (answer instanceof Error) throw answer;
      return answer as never;
    },
    flow: (name) => flow(name) as Flow,
    close: async () => onClose(),
  };
}

function fileOf({ files = {} }: World, path: string): string {
  const text = files[path];
  if (text === undefined) throw new RefusedError('ERR_CONFIG_INVALID', `The file ${path} cannot be read.`);
  return text;
}
