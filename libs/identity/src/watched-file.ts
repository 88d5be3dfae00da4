// A file that is read again when it changed, so that keys rotate without a restart.
// Polled with `stat` on use, at most every few seconds: works for secrets that are mounted through symbolic links,
// where file events get lost, and needs no timer that somebody must stop.

import { readFile, stat } from 'node:fs/promises';

/** How often a change is looked for, in milliseconds. */
const RECHECK_MS = 5_000;

/** A parsed file, never older than a few seconds. */
export interface WatchedFile<T> {
  /** The file's current content; the last good one while the file is unreadable. */
  read(): Promise<T>;
}

/** See `openWatchedFile`. */
export interface WatchOptions {
  /** Told when a changed file could not be read; the old content stays in use. */
  readonly onError?: (error: unknown) => void;
  readonly nowMs?: () => number;
}

/** Opens a file; fails like `parse` or `readFile` if it is unusable now. */
export async function openWatchedFile<T>(
  path: string,
  parse: (text: string) => Promise<T>,
  { onError = () => undefined, nowMs = () => performance.now() }: WatchOptions = {},
): Promise<WatchedFile<T>> {
  let version = await versionOf(path);
  let content = await parse(await readFile(path, 'utf8'));
  let checkedAtMs = nowMs();

  async function refresh(): Promise<void> {
    const found = await versionOf(path);
    if (found === version) return;
    content = await parse(await readFile(path, 'utf8'));
    version = found;
  }

  return {
    read: async () => {
      if (nowMs() - checkedAtMs < RECHECK_MS) return content;
      checkedAtMs = nowMs();
      await refresh().catch(onError);
      return content;
    },
  };
}

async function versionOf(path: string): Promise<string> {
  const { ino, mtimeMs, size } = await stat(path);
  return `${ino} ${mtimeMs} ${size}`;
}
