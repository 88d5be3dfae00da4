// Markdown as far as the checks need it: links, headings as GitHub names them, fenced blocks.

import { lineAt, matches } from './repository.mjs';

const FENCE = /^( *)(```+|~~~+)([^\n]*)\n(.*?)^\1\2 *$/gms;

/** Fenced blocks: language, text, and the line on which the text starts. */
export function fencedBlocks(text) {
  return [...text.matchAll(FENCE)].map((match) => ({
    language: match[3].trim(),
    text: match[4],
    line: lineAt(text, match.index) + 1,
  }));
}

/** Targets of links and images, inline or by reference. */
export function links(text) {
  const prose = withoutCode(text);
  const inline = matches(prose, /\[(?:[^[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)/g);
  const references = matches(prose, /^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)/gm);
  return [...inline, ...references].map(({ match, line }) => ({ target: match[1], line }));
}

/** The anchors of a page. */
export function anchors(text) {
  const seen = new Map();
  return matches(withoutFences(text), /^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?$/gm).map(({ match }) => {
    const slug = slugOf(match[1]);
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
}

/** GitHub's rule: what is shown, in lower case, without punctuation, spaces as hyphens. */
function slugOf(heading) {
  const shown = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');
  return shown
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-');
}

function withoutCode(text) {
  return withoutFences(text).replaceAll(/(`+)[^`]([^]*?[^`])??\1(?!`)|<!--[^]*?-->/g, blank);
}

function withoutFences(text) {
  return text.replaceAll(FENCE, blank);
}

/** As long and as many lines as before, so that places stay. */
function blank(text) {
  return text.replaceAll(/[^\n]/g, ' ');
}
