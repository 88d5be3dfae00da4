// Every package that is used has a line in docs/dependencies.md that says by whom and why, and no line is stale.
// `@types/…` come with what they describe and need none.

import { filesEnding, matches, problem, read } from './repository.mjs';

const PAGE = 'docs/dependencies.md';

/** The table against every package.json. */
export function checkDependencies() {
  const uses = filesEnding('package.json').flatMap(usesOf);
  const rows = rowsOf(read(PAGE));
  return [...uses.flatMap((use) => unexplained(use, rows)), ...rows.flatMap((row) => stale(row, uses))];
}

/** `{ name, project }` for every package that a project asks for. */
function usesOf(path) {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(read(path));
  const project = path === 'package.json' ? 'workspace' : path.replace(/\/package\.json$/, '');
  return Object.keys({ ...dependencies, ...devDependencies })
    .filter((name) => !name.startsWith('@flow-mcp/') && !name.startsWith('@types/'))
    .map((name) => ({ name, project, path }));
}

/** `{ names, users, line }` for every line of the table; `(tests)` behind a user is for people. */
function rowsOf(text) {
  const lines = matches(text, /^\| ([^|]+?) +\| ([^|]+?) +\| [^|]+\|$/gm).slice(1);
  return lines
    .filter(({ match }) => !match[1].startsWith('-'))
    .map(({ match, line }) => ({ names: words(match[1]), users: words(match[2].replaceAll(/ \(.*?\)/g, '')), line }));
}

function words(cell) {
  return cell.split(',').map((word) => word.trim().replaceAll('`', ''));
}

function covers(user, project) {
  return project === user || project.startsWith(`${user}/`);
}

function unexplained({ name, project, path }, rows) {
  const row = rows.find(({ names }) => names.includes(name));
  if (row === undefined) return [problem(path, 1, `uses ${name}, which has no line in ${PAGE}; say there why.`)];
  if (row.users.some((user) => covers(user, project))) return [];
  return [problem(PAGE, row.line, `does not say that ${project} uses ${name}; add it.`)];
}

function stale({ names, users, line }, uses) {
  const own = uses.filter(({ name }) => names.includes(name));
  const unused = names.filter((name) => !own.some((use) => use.name === name));
  const strangers = users.filter((user) => !own.some(({ project }) => covers(user, project)));
  return [
    ...unused.map((name) => problem(PAGE, line, `explains ${name}, which no package.json asks for; remove it.`)),
    ...(unused.length > 0 ? [] : strangers).map((user) =>
      problem(PAGE, line, `says that ${user} uses ${names.join(', ')}; it does not, so remove it.`),
    ),
  ];
}
