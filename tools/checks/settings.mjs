// Every FLOWMCP_ variable that a page, or anything in deploy, speaks of is one that some app or configuration reads.

import { describeConfig } from '../../libs/service-host/dist/config.js';
import { configOf, configuredApps } from '../generate.mjs';
import { FILES, filesEnding, matches, problem, read } from './repository.mjs';

const VARIABLE = /\bFLOWMCP_[A-Z0-9_]*[A-Z0-9]\b(?!_)/g;
const CLI = 'apps/cli/README.md';

/** Misspelt and removed settings; those of the command line also must be explained. */
export async function checkSettings() {
  const cli = variablesIn((path) => path.startsWith('apps/cli/src/') && !path.includes('spec'));
  const apps = (await Promise.all(configuredApps().map(variablesOf))).flat();
  const broker = variablesIn((path) => /^deploy\/nats\/.*\.conf$/.test(path));
  const known = new Set([...cli, ...apps, ...broker]);
  const spoken = [
    ...filesEnding('.md'),
    ...FILES.filter((path) => path.startsWith('deploy/') && !path.endsWith('.md')),
  ];
  return [
    ...spoken.flatMap((path) => strangers(path, known)),
    ...cli
      .filter((name) => !read(CLI).includes(`\`${name}\``))
      .map((name) => problem(CLI, 1, `does not explain ${name}.`)),
  ];
}

async function variablesOf(app) {
  const schema = await configOf(app);
  const names = Object.keys(schema.shape);
  return names.every((name) => name.startsWith('FLOWMCP_'))
    ? names
    : describeConfig(schema).map(({ variable }) => variable);
}

function variablesIn(isMeant) {
  return [...new Set(FILES.filter(isMeant).flatMap((path) => read(path).match(VARIABLE) ?? []))];
}

function strangers(path, known) {
  return matches(read(path), VARIABLE)
    .filter(({ match }) => !known.has(match[0]))
    .map(({ match, line }) => problem(path, line, `names ${match[0]}, which nothing reads; correct or remove it.`));
}
