// What has to be there before anything of ours can run: Node, the npm packages, nats-server.
// Plain Node without packages, because it runs before they are installed. Says what it installs before it does.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Everything that running leaves behind: data, logs, tools. Delete it to start afresh. */
export const STATE = join(ROOT, '.flow-mcp');

const NODE_MIN = [20, 19];
const SYSTEM_DIRS = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/usr/bin'];

/** Makes everything ready or explains in a sentence what to do, and exits with 1. */
export function ensurePrerequisites() {
  checkNode();
  installPackages();
  ensureNatsServer();
}

/** Prints a line of progress. */
export function say(text) {
  console.log(`▸ ${text}`);
}

/** Prints a sentence on what to do, and exits with 1. */
export function giveUp(text) {
  console.error(`✗ ${text}`);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  giveUp(
    `Node ${process.versions.node} is too old. Install Node ${NODE_MIN.join('.')} or newer (https://nodejs.org) and run this again.`,
  );
}

/** Installs when the lock file changed since the last time it was installed. */
function installPackages() {
  const stamp = join(ROOT, 'node_modules', '.flow-mcp-lock');
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say(
    'Installing the npm packages of package-lock.json into node_modules (about 900 MB, most of it the ClickHouse engine) …',
  );
  const { status } = run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
    cwd: ROOT,
  });
  if (status !== 0)
    giveUp(
      'npm could not install the packages. See its message above; is there a network, or a registry in your npm configuration?',
    );
  writeFileSync(stamp, lock);
}

/** Puts a nats-server on this process's PATH: the system's own, else one unpacked from its package. */
function ensureNatsServer() {
  const own = join(STATE, 'tools', 'nats-server');
  process.env.PATH = [process.env.PATH, ...SYSTEM_DIRS, dirname(own)].join(delimiter);
  if (run('nats-server', ['--version']).status === 0) return;
  if (run('apt-get', ['--version']).status !== 0) {
    giveUp(
      'There is no nats-server on the PATH and no apt-get to get it with. Install NATS (https://nats.io/download) and run this again.',
    );
  }
  say(
    'Unpacking nats-server from the Debian package of that name into .flow-mcp/tools; nothing is installed system-wide …',
  );
  unpackDebianPackage('nats-server', own);
  if (run('nats-server', ['--version']).status !== 0)
    giveUp(
      'The nats-server of the Debian package does not start here. Install NATS (https://nats.io/download) and run this again.',
    );
}

function unpackDebianPackage(name, target) {
  mkdirSync(dirname(target), { recursive: true });
  const work = mkdtempSync(join(dirname(target), 'unpack-'));
  process.on('exit', () => rmSync(work, { recursive: true, force: true })); // also when we give up
  const options = privateLists(work);
  const fetched =
    apt(['download', name], work) || (apt([...options, 'update'], work) && apt([...options, 'download', name], work));
  const file = readdirSync(work).find((entry) => entry.endsWith('.deb'));
  if (!fetched || file === undefined)
    giveUp(
      `apt-get could not download ${name}. Is there a network? Otherwise install NATS (https://nats.io/download) and run this again.`,
    );
  if (run('dpkg-deb', ['-x', file, 'files'], { cwd: work }).status !== 0) giveUp(`dpkg-deb could not unpack ${file}.`);
  const binary = ['usr/sbin', 'usr/bin'].map((dir) => join(work, 'files', dir, name)).find(existsSync);
  if (binary === undefined) giveUp(`The Debian package ${name} holds no ${name}.`);
  renameSync(binary, target);
}

/** Package lists of our own, so that neither root nor the system's state is needed. */
function privateLists(work) {
  for (const dir of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(work, dir), { recursive: true });
  return [
    '-o',
    `Dir::State::lists=${join(work, 'lists')}`,
    '-o',
    `Dir::Cache=${join(work, 'cache')}`,
    '-o',
    'APT::Sandbox::User=',
  ];
}

function apt(args, cwd) {
  return run('apt-get', ['-qq', ...args], { cwd }).status === 0;
}

function run(command, args, options = {}) {
  return spawnSync(command, args, { stdio: 'ignore', ...options });
}
