// What is generated is what the code says now.

import { generatedDocuments, snapshotsToAdd } from '../generate.mjs';
import { FILES, problem, read } from './repository.mjs';

const FIX = 'run `node tools/generate.mjs`.';

/** Drift of generated documents and of contract snapshots. */
export async function checkGenerated() {
  const documents = await generatedDocuments();
  const { changed, added } = await snapshotsToAdd();
  return [
    ...documents.flatMap(driftOf),
    ...changed.map((advice) => problem('libs/contracts/snapshots', 1, advice)),
    ...added.map(({ type }) => problem('libs/contracts/snapshots', 1, `has none for ${type}; ${FIX}`)),
  ];
}

function driftOf({ path, text }) {
  if (!FILES.includes(path)) return [problem(path, 1, `is not committed; ${FIX}`)];
  if (read(path) === text) return [];
  const wanted = text.split('\n');
  const at = read(path)
    .split('\n')
    .findIndex((line, index) => line !== wanted[index]);
  return [problem(path, (at === -1 ? wanted.length - 1 : at) + 1, `is not what the code says now; ${FIX}`)];
}
