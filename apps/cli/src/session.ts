// A command under way: somebody, connected, with a screen.

import { RefusedError, type Name } from '@flow-mcp/kernel';
import type { Command } from 'commander';
import { exitCodeOf } from './exit-codes.js';
import { reportError } from './errors.js';
import type { Io } from './io.js';
import { Screen, type Format } from './screen.js';
import { contextPaths, settingsOf, type ContextFile, type Settings } from './settings.js';
import { tokenSource } from './sign-in.js';
import type { Transport } from './transport.js';

/** Options of every command. */
interface GlobalOptions {
  readonly as?: string;
  readonly output: Format;
}

/** What a command works with. */
export interface Session {
  readonly io: Io;
  readonly transport: Transport;
  readonly screen: Screen;
  readonly settings: Settings;
}

/** A command: returns its exit code. */
export type Handler<O> = (session: Session, options: O & GlobalOptions, args: readonly string[]) => Promise<number>;

/** The program around a command. */
export interface Program {
  readonly io: Io;
  /** Told the exit code. */
  readonly exit: (code: number) => void;
}

/** A commander action that connects, runs the handler, closes, and turns every error into words and an exit code. */
export function action<O>({ io, exit }: Program, handler: Handler<O>): (...parameters: unknown[]) => Promise<void> {
  return async (...parameters) => {
    const command = parameters.at(-1) as Command;
    const options = command.optsWithGlobals<O & GlobalOptions>();
    try {
      exit(await inSession(io, options, (session) => handler(session, options, command.args)));
    } catch (error) {
      reportError(io, error, options.output);
      exit(exitCodeOf(error));
    }
  };
}

/** The Flow that is meant. @throws RefusedError `ERR_CONFIG_INVALID` */
export function flowOf({ flow }: { readonly flow?: Name }, { settings }: Session): Name {
  const name = flow ?? settings.flow;
  if (name !== undefined) return name;
  const message = 'Say which Flow: --flow NAME, or set FLOWMCP_FLOW. `flow-mcp get flows` lists them.';
  throw new RefusedError('ERR_CONFIG_INVALID', message, { field: '--flow' });
}

async function inSession(
  io: Io,
  { as, output }: GlobalOptions,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const settings = settingsOf(io.env, await findContext(io));
  const getToken = tokenSource(as, { env: io.env, settings, readFile: (path) => io.readFile(path) });
  const screen = new Screen(io, output);
  const transport = await io.connect(settings, getToken, (message) => screen.note(message));
  try {
    return await work({ io, transport, screen, settings });
  } finally {
    await transport.close();
  }
}

async function findContext(io: Io): Promise<ContextFile | undefined> {
  for (const path of contextPaths(io.cwd)) {
    const text = await io.readFile(path).catch(() => undefined);
    if (text !== undefined) return { path, text };
  }
  return undefined;
}
