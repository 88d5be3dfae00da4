// Starts a server as a child process and makes sure that it ends.
//
// 1. The child runs in a process group of its own, next to a watchdog that waits on a pipe from us. When the pipe
//    closes — because `stop()` closed it or because we were killed — the watchdog stops the child, then the group.
// 2. Only that group is ever signalled, and only while its leader is known to run.
// 3. The child sees the environment it is given and PATH, nothing of ours.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Readable, type Writable } from 'node:stream';

const READY_TIMEOUT_MS = 30_000;
const OUTPUT_CHARS_MAX = 4_000;

// fd 3 is the pipe from us. `kill 0` signals the group: the shell, the child and whatever the child started.
const WATCHDOG = `
signal=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
{ read -r _ <&3; kill -s "$signal" $child; sleep 2; kill -s KILL 0; } >/dev/null 2>&1 &
wait $child
kill -s KILL 0`;

/** What to run. */
export interface ChildSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Run as this user; only root can. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** How the child is asked to stop, before it is killed two seconds later. */
  readonly stopSignal?: 'TERM' | 'INT';
}

/** A child that has said that it is ready. */
export interface RunningChild<Ready> {
  readonly ready: Ready;
  /** Asks it to stop and resolves when the whole process group is gone. */
  readonly stop: () => Promise<void>;
  /** kill -9 of the whole process group. */
  readonly kill: () => Promise<void>;
}

/**
 * Starts a child and waits until `readyWhen` recognises a line of its stdout or stderr.
 *
 * @throws Error with the end of the child's output when it exits, or says nothing for 30 s.
 */
export async function startChild<Ready>(
  spec: ChildSpec,
  readyWhen: (line: string) => Ready | undefined,
): Promise<RunningChild<Ready>> {
  const child = spawnGroup(spec);
  const exited = once(child, 'close').then(() => undefined); // its output ends with the last process of the group
  try {
    const ready = await firstReady(child, readyWhen);
    return { ready, stop: () => stop(child, exited), kill: () => kill(child, exited) };
  } catch (cause) {
    await kill(child, exited);
    throw new Error(`${spec.command} ${spec.args.join(' ')} did not start: ${(cause as Error).message}`, { cause });
  }
}

type Group = ChildProcessByStdio<Writable, Readable, Readable>;

function spawnGroup({ command, args, env, cwd, user, stopSignal = 'TERM' }: ChildSpec): Group {
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', stopSignal, command, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { PATH: process.env['PATH'], ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...user,
  });
  child.stdin.on('error', () => undefined); // the group may be gone before the pipe is closed
  return child;
}

async function firstReady<Ready>(child: Group, readyWhen: (line: string) => Ready | undefined): Promise<Ready> {
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<Ready>((resolve, reject) => {
    const fail = (what: string) => reject(new Error(`${what}. Its output ends with: ${output.trim() || '(nothing)'}`));
    timer = setTimeout(() => fail(`not ready after ${READY_TIMEOUT_MS} ms`), READY_TIMEOUT_MS);
    child.once('close', () => fail('it exited')).once('error', (error) => fail(error.message));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        output = `${output}\n${line}`.slice(-OUTPUT_CHARS_MAX);
        const value = readyWhen(line);
        if (value !== undefined) resolve(value);
      });
    }
  });
  return ready.finally(() => clearTimeout(timer));
}

async function stop(child: Group, exited: Promise<void>): Promise<void> {
  child.stdin.end();
  await exited;
}

async function kill(child: Group, exited: Promise<void>): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
    process.kill(-child.pid, 'SIGKILL');
  await exited;
}
