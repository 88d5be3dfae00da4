// Every relative link leads to a committed file, and to a heading or a line that is there. One call has five links.

import { posix } from 'node:path';
import { anchors, links } from './markdown.mjs';
import { FILES, filesEnding, matches, problem, read } from './repository.mjs';

/** Links of every page. */
export function checkLinks() {
  return filesEnding('.md').flatMap((path) => {
    const relative = links(read(path)).filter(({ target }) => !/^[a-z][a-z+.-]*:/i.test(target));
    return relative.flatMap(({ target, line }) => {
      const fault = faultOf(path, target);
      return fault === undefined ? [] : [problem(path, line, fault)];
    });
  });
}

const ONE_CALL = 'docs/one-call.md';

/** The page that leads a newcomer through one call does so in exactly five steps, each a link to the code. */
export function checkOneCall() {
  if (!FILES.includes(ONE_CALL)) return [problem(ONE_CALL, 1, 'is not there; the README promises it.')];
  const steps = matches(read(ONE_CALL), /^(\d+)\. (\[`[^`]+`\]\(([^)]+)\))?/gm);
  const numbers = steps.map(({ match }) => match[1]).join(' ');
  const wrong = numbers === '1 2 3 4 5' ? [] : [problem(ONE_CALL, 1, `numbers ${numbers}; make it 1 2 3 4 5.`)];
  const unlinked = steps.filter(({ match }) => match[3] === undefined);
  return [
    ...wrong,
    ...unlinked.map(({ line }) => problem(ONE_CALL, line, 'starts a step without a link to a file; put it first.')),
  ];
}

function faultOf(page, target) {
  const [file, anchor] = decodeURIComponent(target).split('#');
  const path = file === '' ? page : posix.normalize(posix.join(posix.dirname(page), file)).replace(/\/$/, '');
  if (!FILES.includes(path)) {
    const isFolder = path === '.' || FILES.some((other) => other.startsWith(`${path}/`));
    return isFolder && anchor === undefined
      ? undefined
      : `links to ${target}, which is not committed; correct the link.`;
  }
  if (anchor === undefined) return undefined;
  return hasAnchor(path, anchor) ? undefined : `links to ${target}, and ${path} has no such place; correct the anchor.`;
}

function hasAnchor(path, anchor) {
  if (path.endsWith('.md')) return anchors(read(path)).includes(anchor);
  const lines = /^L(\d+)(?:-L(\d+))?$/.exec(anchor);
  return lines !== null && Number(lines[2] ?? lines[1]) <= read(path).split('\n').length;
}
