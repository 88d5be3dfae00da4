// What must not be committed: paths of somebody's machine, promises to do something later, tests that are left out.

import { filesEnding, matches, problem, read } from './repository.mjs';

const THIS = 'tools/checks/sources.mjs';

/** Text files of every kind; the lock file is npm's. */
const TEXTS = [
  '.ts',
  '.mjs',
  '.js',
  '.json',
  '.md',
  '.yaml',
  '.yml',
  '.sh',
  '.sql',
  '.conf',
  '.xml',
  'Dockerfile',
  'run',
];

/** Paths that nobody has: of people in examples, of a hostile query, of the user inside an image. */
const INVENTED = /^\/(?:home\/ada|home\/\.flow-mcp|tmp\/x|root\/\.npm)\b/;

const RULES = [
  {
    pattern: /(?<![\w.}*/-])\/(?:home|root|work|tmp|Users|private|mnt)\/[\w.-]+/g,
    allows: (found) => INVENTED.test(found),
    text: 'names a folder of a machine; use a relative path, or a temporary folder made for it.',
  },
  {
    pattern: /\b(?:TODO|FIXME)\b/g,
    text: 'leaves something to be done; do it, or say it in the issue tracker.',
  },
  {
    pattern: /\b(?:describe|test|it|suite)(?:\.\w+)*\.(?:only|skip)\(|\b(?:fit|fdescribe|xit|xtest|xdescribe)\(/g,
    text: 'leaves tests out; run them all.',
  },
];

/** Every rule on every file. */
export function checkSources() {
  const paths = filesEnding(...TEXTS).filter((path) => path !== THIS && path !== 'package-lock.json');
  return paths.flatMap((path) => RULES.flatMap((rule) => broken(path, rule)));
}

function broken(path, { pattern, allows = () => false, text }) {
  return matches(read(path), pattern)
    .filter(({ match }) => !allows(match[0]))
    .map(({ match, line }) => problem(path, line, `"${match[0]}" ${text}`));
}
