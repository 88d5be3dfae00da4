// YAML 1.2 or JSON text into values, with limits that hold before anything expensive happens.
//
//   Y1. Depth and size are bounded while lexing: of half a million brackets the first hundred are looked at.
//   Y2. Names of a mapping are unique; two readers would understand a repeated one differently. Checked here in linear
//       time: the parser's own check is quadratic (measured: 40,000 names took 10 s).
//   Y3. What aliases expand to is bounded.
//   Y4. A warning of the parser, such as an unknown tag, is an error: nothing is guessed.

import { Composer, LineCounter, Lexer, Parser, isAlias, isMap, isScalar, visit, type CST, type Document } from 'yaml';
import { RefusedError, isJsonObject, type JsonObject } from '@flow-mcp/kernel';

/** Limits of one manifest. The parser's stack grows by two or three levels for each level of a document. */
const DEPTH_MAX = 32;
const STACK_MAX = 3 * DEPTH_MAX;
const DOCUMENTS_MAX = 100;
const ALIASES_MAX = 100;
const LEXEMES_MAX = 100_000;

/** A place in the text, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One document of a manifest. */
export interface YamlDocument {
  /** Counted from 1, empty documents left out. */
  readonly number: number;
  readonly value: JsonObject;
  /** Where the value at a path stands, or its nearest parent that there is. */
  placeOf(path: readonly PropertyKey[]): Place;
  /** Where the name of a member of the mapping at a path stands. */
  placeOfName(path: readonly PropertyKey[], name: string): Place;
}

/**
 * Reads the documents of a manifest.
 * @throws RefusedError `ERR_MANIFEST_INVALID` naming document, line and column
 */
export function readYamlDocuments(text: string): YamlDocument[] {
  const lines = new LineCounter();
  const tokens = tokensOf(text, lines);
  const documents = [...new Composer({ version: '1.2', uniqueKeys: false, prettyErrors: false }).compose(tokens)];
  const filled = documents.filter(({ contents, errors }) => contents !== null || errors.length > 0);
  const read = filled.filter((document) => !isEmpty(document));
  if (read.length === 0) refuse('The manifest holds no document; write an MCPServer or a Flow.');
  return read.map((document, index) => readDocument(document, index + 1, lines));
}

/** `Document 2, line 7, column 3`. */
export function describePlace(number: number, { line, column }: Place): string {
  return `Document ${number}, line ${line}, column ${column}`;
}

/** Y1. */
function tokensOf(text: string, lines: LineCounter): CST.Token[] {
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let documents = 0;
  let lexemes = 0;
  const take = (token: CST.Token): void => {
    tokens.push(token);
    if (token.type === 'document' && ++documents > DOCUMENTS_MAX) {
      refuse(`The manifest holds more than ${DOCUMENTS_MAX} documents; apply it in parts.`);
    }
  };
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) take(token);
    if (++lexemes > LEXEMES_MAX)
      refuse('The manifest holds more than a registry should be told at once; apply it in parts.');
    if (parser.stack.length > STACK_MAX) {
      const { line } = lines.linePos(parser.offset);
      refuse(`Document ${documents + 1}, line ${line}: nests deeper than ${DEPTH_MAX} levels; flatten it.`);
    }
  }
  for (const token of parser.end()) take(token);
  return tokens;
}

function isEmpty({ contents, errors }: Document.Parsed): boolean {
  return errors.length === 0 && isScalar(contents) && contents.value === null && contents.source === '';
}

function readDocument(document: Document.Parsed, number: number, lines: LineCounter): YamlDocument {
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const refuseAt = (offset: number, problem: string): never =>
    refuse(`${describePlace(number, placeAt(offset))}: ${problem}`);
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) refuseAt(fault.pos[0], `${fault.message.replace(/\.$/, '')}; correct the YAML.`);
  checkNames(document, refuseAt);
  const value = expand(document, refuseAt);
  const placeOf = (path: readonly PropertyKey[]): Place => placeAt(offsetOf(document, path));
  return {
    number,
    value,
    placeOf,
    placeOfName: (path, name) => placeAt(offsetOfName(document, path, name) ?? offsetOf(document, path)),
  };
}

type RefuseAt = (offset: number, problem: string) => never;

/** Y2. */
function checkNames(document: Document.Parsed, refuseAt: RefuseAt): void {
  visit(document, {
    Map: (_, map) => {
      const names = new Set<string>();
      for (const { key } of map.items) {
        const offset = (key as { range?: [number, number, number] | null }).range?.[0] ?? 0;
        if (!isScalar(key) || typeof key.value !== 'string')
          return refuseAt(offset, 'a name must be a string; quote it.');
        if (names.has(key.value)) refuseAt(offset, `the name ${shown(key.value)} stands twice; keep one.`);
        names.add(key.value);
      }
      return undefined;
    },
  });
}

/** Y3. The parser counts what aliases expand to; a resolved document cannot hold a cycle without one. */
function expand(document: Document.Parsed, refuseAt: RefuseAt): JsonObject {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
    JSON.stringify(value); // an alias inside its own anchor makes a cycle
  } catch {
    const alias = firstAlias(document);
    return refuseAt(alias, 'aliases expand to too much; write the values out.');
  }
  if (!isJsonObject(value))
    return refuseAt(offsetOf(document, []), 'must be a mapping with apiVersion, kind, metadata and spec.');
  return value;
}

function firstAlias(document: Document.Parsed): number {
  let offset = 0;
  visit(document, {
    Alias: (_, alias) => {
      offset = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    const range = (node as { range?: [number, number, number] } | null | undefined)?.range;
    if (range !== undefined) return range[0];
  }
  return 0;
}

function offsetOfName(document: Document.Parsed, path: readonly PropertyKey[], name: string): number | undefined {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  const map = isAlias(node) ? node.resolve(document) : node;
  if (!isMap(map)) return undefined;
  const pair = map.items.find(({ key }) => isScalar(key) && key.value === name);
  return (pair?.key as { range?: [number, number, number] } | undefined)?.range?.[0];
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}

function refuse(message: string): never {
  throw new RefusedError('ERR_MANIFEST_INVALID', message);
}
