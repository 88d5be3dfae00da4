// deploy/compose.yaml and deploy/Dockerfile, as far as they can be proved without a container engine:
//
//   D1. Every app is told only settings that it knows and every one that it needs, with what .env.example says and with
//       nothing but what compose.yaml itself demands.
//   D2. Every file, folder, volume, service and app that is named exists.
//   D3. Every file that a service is told to read is one that share-keys.sh gives it.
//   D4. Nothing is published to other machines.

import { posix } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { NATS_USERS } from '@flow-mcp/contracts';
import { KEY_FILES } from '@flow-mcp/identity';
import { loadConfig } from '../../libs/service-host/dist/config.js';
import { configOf, configuredApps } from '../generate.mjs';
import { FILES, matches, problem, read } from './repository.mjs';

const COMPOSE = 'deploy/compose.yaml';
const DOCKERFILE = 'deploy/Dockerfile';
const SHARE = 'deploy/share-keys.sh';
const NATS_CONF = 'deploy/nats/nats.conf';

/** Where a service finds the files that it was given. */
const GIVEN = '/run/flow-mcp/';

/** Made by whoever deploys: see deploy/README.md. */
const BROUGHT = ['deploy/secrets'];

/** Everything about deploy/. */
export async function checkDeploy() {
  const lines = new LineCounter();
  const document = parseDocument(read(COMPOSE), { merge: true, lineCounter: lines });
  if (document.errors.length > 0) return [problem(COMPOSE, 1, document.errors[0].message)];
  const compose = document.toJS();
  const about = (name) => (text) => {
    const { line } = lines.linePos(document.getIn(['services', name], true).range[0]);
    return problem(COMPOSE, line - 1, `${name} ${text}`);
  };
  const services = Object.entries(compose.services);
  const found = services.map(async ([name, service]) => [
    ...(await settingsFaults(service)),
    ...nameFaults(service, compose),
    ...fileFaults(name, service),
    ...portFaults(service),
  ]);
  const faults = (await Promise.all(found)).flatMap((texts, at) => texts.map(about(services[at][0])));
  return [
    ...faults,
    ...brokerFaults(compose.services.nats).map(about('nats')),
    ...dockerfileFaults(),
    ...sharedFaults(),
  ];
}

/** D1. */
async function settingsFaults({ build, environment = {} }) {
  const app = build?.args.APP;
  if (!configuredApps().includes(app) || Object.keys(environment).length === 0) return [];
  const schema = await configOf(app);
  const faults = [exampleEnv(), demandedEnv()].flatMap((env) => {
    try {
      loadConfig(schema, interpolated(environment, env));
      return [];
    } catch (error) {
      return [error.message.replaceAll('\n', ' ')];
    }
  });
  return [...new Set(faults)];
}

function exampleEnv() {
  const lines = matches(read('deploy/.env.example'), /^(\w+)=(.*)$/gm);
  return Object.fromEntries(lines.map(({ match }) => [match[1], match[2]]));
}

/** Only what compose.yaml refuses to start without. */
function demandedEnv() {
  const example = exampleEnv();
  const names = matches(read(COMPOSE), /\$\{(\w+):\?/g).map(({ match }) => match[1]);
  return Object.fromEntries(names.map((name) => [name, example[name] ?? '']));
}

/** What compose makes of `${NAME:-default}` and `${NAME:?message}`. */
function interpolated(environment, env) {
  const fill = (value) =>
    value.replaceAll(/\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}/g, (_, name, or = '') => env[name] || or);
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, fill(String(value))]));
}

/** D2. */
function nameFaults({ build, depends_on: needs = {}, volumes = [] }, { services, volumes: declared }) {
  const mounts = volumes.map((volume) => volume.split(':')[0]);
  const paths = mounts.filter((mount) => mount.startsWith('.')).map((mount) => posix.join('deploy', mount));
  const app = build?.args.APP;
  return [
    ...(app === undefined || FILES.includes(`apps/${app}/package.json`) ? [] : [`builds ${app}, which is no app.`]),
    ...Object.keys(needs)
      .filter((name) => !(name in services))
      .map((name) => `needs ${name}, which is no service.`),
    ...mounts
      .filter((mount) => !mount.startsWith('.') && !(mount in declared))
      .map((name) => `mounts ${name}; declare it.`),
    ...paths
      .filter((path) => !BROUGHT.includes(path) && !exists(path))
      .map((path) => `mounts ${path}, which is not committed.`),
  ];
}

/** D3. */
function fileFaults(service, { environment = {}, volumes = [] }) {
  const given = shared()
    .filter((row) => row.service === service)
    .map(({ name }) => GIVEN + name);
  const told = Object.values(environment).filter((value) => String(value).startsWith(GIVEN));
  const mounts = volumes.some((volume) => volume.startsWith(`for-${service}:${GIVEN.replace(/\/$/, '')}`));
  return [
    ...told.filter((path) => !given.includes(path)).map((path) => `is told to read ${path}; give it that in ${SHARE}.`),
    ...(told.length > 0 && !mounts ? [`does not mount for-${service}, where its files are.`] : []),
  ];
}

/** D4. */
function portFaults({ ports = [] }) {
  const open = ports.filter((port) => !port.startsWith('127.0.0.1:'));
  return open.map((port) => `publishes ${port} to other machines; write 127.0.0.1: before it.`);
}

/** nats-server does not start without the variables of its configuration. */
function brokerFaults({ environment }) {
  const named = matches(read(NATS_CONF), /\$(FLOWMCP_\w+)/g).map(({ match }) => match[1]);
  return named.filter((name) => !(name in environment)).map((name) => `is not told ${name}, which ${NATS_CONF} reads.`);
}

/** What the build copies from the repository, or from its own stage, is there. */
function dockerfileFaults() {
  const copies = matches(read(DOCKERFILE), /^COPY (?:--from=\w+ \/flow-mcp\/)?(\S+) \S+$/gm);
  const missing = copies.filter(
    ({ match }) => !['.', 'node_modules', 'apps/$APP'].includes(match[1]) && !exists(match[1]),
  );
  return missing.map(({ match, line }) => problem(DOCKERFILE, line, `copies ${match[1]}, which is not there.`));
}

/** The table of share-keys.sh: who gets which file under which name. */
function shared() {
  const rows = matches(read(SHARE), /^([a-z-]+) {2,}(\S+) {2,}(\S+)$/gm);
  return rows.map(({ match, line }) => ({ service: match[1], name: match[2], file: match[3], line }));
}

/** Only files that are made are shared. */
function sharedFaults() {
  const seeds = NATS_USERS.map((user) => `nats/${user}.nk`);
  const passwords = ['provisioner', 'writer', 'reader'].map((user) => `clickhouse-${user}`);
  const made = [...seeds, ...passwords, ...Object.values(KEY_FILES), 'nats.env'];
  const unknown = shared().filter(({ file }) => !made.includes(file));
  return unknown.map(({ file, line }) => problem(SHARE, line, `shares ${file}, which nothing makes.`));
}

function exists(path) {
  return FILES.includes(path) || FILES.some((file) => file.startsWith(`${path}/`));
}
