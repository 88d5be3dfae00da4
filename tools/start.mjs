// npm start: installs what is missing, builds, and hands over to the tour.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, ensurePrerequisites, giveUp, say } from './prerequisites.mjs';

const HELP = `npm start -- [options]

  --tour-only   stop after the tour; exits 0 when every step passed, else 1
  --fresh       forget what earlier starts left in .flow-mcp/start
  --directory   where .flow-mcp lies; this repository unless told
  --help        this text`;

readOptions();
ensurePrerequisites();
say('Building (only what changed since the last time) …');
const nx = join(ROOT, 'node_modules', 'nx', 'dist', 'bin', 'nx.js');
const built = spawnSync(
  process.execPath,
  [nx, 'run-many', '-t', 'build', '--exclude', '@flow-mcp/e2e', '--outputStyle', 'static'],
  {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, NX_NO_CLOUD: 'true', NX_DAEMON: 'false', NX_TUI: 'false' },
  },
);
if (built.status !== 0) giveUp(`The build failed:\n${built.stdout}${built.stderr}`);

const tour = spawn(process.execPath, [join(ROOT, 'tools', 'tour', 'dist', 'main.js'), ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
});
// Ctrl-C reaches the tour itself, which stops what it started; this process only passes its answer on.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => signal === 'SIGTERM' && tour.kill(signal));
tour.on('exit', (code) => process.exit(code ?? 1));

/** Answers --help and mistakes at once, before anything is installed. */
function readOptions() {
  const flag = { type: 'boolean' };
  try {
    const options = { 'tour-only': flag, fresh: flag, directory: { type: 'string' }, help: flag };
    if (parseArgs({ options }).values.help !== true) return;
  } catch (error) {
    console.error(`✗ ${error.message}\n\n${HELP}`);
    process.exit(2);
  }
  console.log(HELP);
  process.exit(0);
}
