// What the program touches of the machine; tests give their own.

import type { GetToken } from '@flow-mcp/client';
import type { Settings } from './settings.js';
import type { Transport } from './transport.js';

/** Ctrl-C as the answer to a question. */
export const CTRL_C = '\u0003';

/** See the file's header. */
export interface Io {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly terminal: Terminal;
  stdout(text: string): void;
  stderr(text: string): void;
  /** @throws RefusedError `ERR_CONFIG_INVALID` naming the file */
  readFile(path: string): Promise<string>;
  readStdin(): Promise<string>;
  nowMs(): number;
  connect(settings: Settings, getToken: GetToken, report: (message: string) => void): Promise<Transport>;
  /** Calls back at Ctrl-C. Returns what ends that. */
  onInterrupt(listener: () => void): () => void;
  /** The person's answer, `CTRL_C` for that, empty when `signal` aborts; `undefined` when there is no person to ask. */
  question(text: string, signal: AbortSignal): Promise<string | undefined>;
}

/** What is on the other end of stdout. */
export interface Terminal {
  /** `Infinity` when it is no terminal: nothing is cut for programs. */
  readonly columns: number;
  readonly colors: boolean;
}
