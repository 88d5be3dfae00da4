// One replica of one service, as a process of its own: started, killed, paused and stopped like any other.

import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startChild, type RunningChild } from '../upstreams/child-process.js';

/** An app that is built into `apps/<name>/dist/main.js`. */
export interface ServiceSpec {
  readonly app: string;
  /** Its name among the replicas, e.g. `executor-2`; its log is `<name>.log`. */
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logDir: string;
}

/** What a process says when it is ready: one line of JSON with `"ready":true`. */
export interface ReadyLine {
  readonly pid?: number;
  readonly port?: number;
  readonly issuer?: string;
}

/** A replica. */
export interface ServiceProcess {
  readonly name: string;
  /** What it said when it became ready, last time. */
  ready(): ReadyLine;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM, then kill -9 after two seconds. */
  stop(): Promise<void>;
  /** Starts it again; ends it first if it runs. */
  restart(): Promise<void>;
  /** SIGSTOP: it keeps its connections and does nothing. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

const APPS = fileURLToPath(new URL('../../../../apps/', import.meta.url));

/** Starts an app. @throws Error with the end of its output when it does not become ready */
export async function startServiceProcess(spec: ServiceSpec): Promise<ServiceProcess> {
  let child: RunningChild<ReadyLine> | undefined = await start(spec);
  let { ready } = child;
  const signal = (name: 'SIGSTOP' | 'SIGCONT') => {
    if (child === undefined || ready.pid === undefined) throw new Error(`${spec.name} does not run, or told no pid.`);
    process.kill(ready.pid, name);
  };
  const end = async (how: 'kill' | 'stop') => {
    await child?.[how]();
    child = undefined;
  };
  return {
    name: spec.name,
    ready: () => ready,
    kill: () => end('kill'),
    stop: () => end('stop'),
    restart: async () => {
      await end('kill');
      child = await start(spec);
      ({ ready } = child);
    },
    pause: () => void signal('SIGSTOP'),
    resume: () => void signal('SIGCONT'),
  };
}

/** Runs an app to its end. @throws Error with what it said when it fails */
export async function runApp(
  { app, env }: Pick<ServiceSpec, 'app' | 'env'>,
  args: readonly string[] = [],
): Promise<string> {
  const environment = { PATH: process.env['PATH'], ...env };
  const { stdout } = await promisify(execFile)(process.execPath, [mainOf(app), ...args], { env: environment });
  return stdout;
}

function mainOf(app: string): string {
  return join(APPS, app, 'dist', 'main.js');
}

function start({ app, name, env, logDir }: ServiceSpec): Promise<RunningChild<ReadyLine>> {
  const log = createWriteStream(join(logDir, `${name}.log`), { flags: 'a' });
  const args = [mainOf(app)];
  return startChild({ command: process.execPath, args, env }, (line) => {
    log.write(`${line}\n`);
    return readyLine(line);
  });
}

function readyLine(line: string): ReadyLine | undefined {
  if (!line.includes('"ready":true')) return undefined;
  return JSON.parse(line) as ReadyLine;
}
