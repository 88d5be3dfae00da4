// npm run verify: everything that must hold before a change lands. Ends with one line `N passed, N failed`.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, STATE } from './prerequisites.mjs';

const RESULTS = join(STATE, 'test-results');
const NX = [join('node_modules', 'nx', 'dist', 'bin', 'nx.js'), 'run-many', '--outputStyle', 'static', '-t'];

/** Cheapest first; all of them run, so that one run tells everything. */
const STEPS = [
  ['format', [join('node_modules', 'prettier', 'bin', 'prettier.cjs'), '--check', '--log-level', 'warn', '.']],
  ['build', [...NX, 'build']],
  ['typecheck', [...NX, 'typecheck']],
  ['lint', [...NX, 'lint']],
  ['the dependency rule is awake', ['tools/boundary-canary.mjs']],
  ['dead code', [join('node_modules', 'knip', 'bin', 'knip.js')]],
  ['documents', ['tools/check-docs.mjs']],
  ['tests', [...NX, 'test']],
  ['end to end', [...NX, 'e2e']],
];

/** Runs every step; returns whether all passed. */
export function verify() {
  rmSync(RESULTS, { recursive: true, force: true });
  // Jest writes <project>.json here, and the names of projects have a scope.
  mkdirSync(join(RESULTS, '@flow-mcp'), { recursive: true });
  const failed = STEPS.filter(([name, args]) => !passes(name, args)).map(([name]) => name);
  const tests = countTests();
  if (failed.length > 0) console.log(`Failed: ${failed.join(', ')}`);
  console.log(`${STEPS.length - failed.length + tests.passed} passed, ${failed.length + tests.failed} failed`);
  return failed.length === 0 && tests.failed === 0;
}

function passes(name, args) {
  const started = performance.now();
  console.log(`\n▸ ${name}`);
  const env = { ...process.env, NX_NO_CLOUD: 'true', NX_DAEMON: 'false', NX_TUI: 'false' };
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env });
  console.log(`${status === 0 ? '✓' : '✗'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  return status === 0;
}

/** What jest wrote down, cached runs included. */
function countTests() {
  const total = { passed: 0, failed: 0 };
  const files = existsSync(RESULTS) ? readdirSync(RESULTS, { recursive: true }) : [];
  for (const file of files.filter((name) => name.endsWith('.json'))) {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(
      readFileSync(join(RESULTS, file), 'utf8'),
    );
    total.passed += numPassedTests;
    total.failed += numFailedTests + numRuntimeErrorTestSuites;
  }
  return total;
}

if (process.argv[1] === import.meta.filename) process.exit(verify() ? 0 : 1);
