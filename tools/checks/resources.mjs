// Every MCPServer and Flow that a page shows can be registered as it stands.

import { LineCounter, parseAllDocuments } from 'yaml';
import { API_VERSION, RESOURCE_CONTRACTS, firstProblem } from '@flow-mcp/contracts';
import { fencedBlocks } from './markdown.mjs';
import { filesEnding, problem, read } from './repository.mjs';

/** Fenced YAML of every page against the contracts. */
export function checkResources() {
  return filesEnding('.md').flatMap((path) =>
    fencedBlocks(read(path))
      .filter(({ language }) => language === 'yaml')
      .flatMap(({ text, line }) => faultsOf(text).map((fault) => problem(path, line + fault.line - 1, fault.text))),
  );
}

function faultsOf(text) {
  const lines = new LineCounter();
  return parseAllDocuments(text, { lineCounter: lines }).flatMap((document) => {
    const fault = document.errors[0]?.message ?? faultOf(document.toJS() ?? {});
    const { line } = lines.linePos(document.contents?.range[0] ?? 0);
    return fault === undefined ? [] : [{ line, text: `shows YAML that cannot be registered: ${fault}` }];
  });
}

/** Other YAML than resources may be anything. */
function faultOf(resource) {
  const contract = RESOURCE_CONTRACTS[resource.kind];
  if (contract === undefined) return resource.apiVersion === API_VERSION ? 'there is no such kind.' : undefined;
  const { error } = contract.strict.safeParse(resource);
  if (error === undefined) return undefined;
  const { field, problem: fault } = firstProblem(error);
  return `\`${field}\` ${fault}.`;
}
