// What the checks look at: the files that are committed; without git, those that lie here.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT } from '../prerequisites.mjs';

const MADE = ['node_modules', 'dist', '.git', '.nx', '.flow-mcp'];

/** Paths of every committed file, from the root. */
export const FILES = (committed() ?? below('')).filter((path) => existsSync(join(ROOT, path)));

/** Those whose name ends so. */
export function filesEnding(...endings) {
  return FILES.filter((path) => endings.some((ending) => path.endsWith(ending)));
}

const texts = new Map();

/** A file's text. */
export function read(path) {
  if (!texts.has(path)) texts.set(path, readFileSync(join(ROOT, path), 'utf8'));
  return texts.get(path);
}

/** What is wrong, where, and what to do about it. */
export function problem(path, line, text) {
  return { path, line, text };
}

/** The line of an offset, from 1. */
export function lineAt(text, offset) {
  return text.slice(0, offset).split('\n').length;
}

/** Every match of a global pattern, with its line. */
export function matches(text, pattern) {
  return [...text.matchAll(pattern)].map((match) => ({ match, line: lineAt(text, match.index) }));
}

function committed() {
  const { status, stdout } = spawnSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' });
  return status === 0 && stdout !== '' ? stdout.split('\0').filter((path) => path !== '') : undefined;
}

function below(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (MADE.includes(entry.name)) return [];
    const path = posix.join(folder, entry.name);
    return entry.isDirectory() ? below(path) : [path];
  });
}
