// The content of an MCP result, for a terminal. MCP 2025-11-25 tools, "Tool Result".

import type { Json, JsonObject } from '@flow-mcp/kernel';
import { isJsonObject } from '@flow-mcp/kernel';
import { safeBlock, safeJson, safeLine } from './safe-text.js';

/** A result as text: every item of its content, then what is structured, if that is not there already. */
export function contentText(result: JsonObject): string {
  const content = Array.isArray(result['content']) ? (result['content'] as readonly Json[]) : [];
  const structured = result['structuredContent'];
  const items = content.map(itemText);
  if (structured !== undefined && !content.some((item) => isSame(item, structured))) items.push(safeJson(structured));
  return items.map((item) => (item.endsWith('\n') ? item : `${item}\n`)).join('');
}

function itemText(item: Json): string {
  if (!isJsonObject(item)) return safeJson(item);
  const { type, text, data, mimeType, uri, resource } = item;
  if (type === 'text' && typeof text === 'string') return safeBlock(text);
  if ((type === 'image' || type === 'audio') && typeof data === 'string') return mediaText(type, mimeType, data);
  if (type === 'resource_link' && typeof uri === 'string') return `[link ${safeLine(uri)}]`;
  if (type === 'resource' && isJsonObject(resource)) return resourceText(resource);
  return safeJson(item);
}

function mediaText(type: string, mimeType: Json | undefined, base64: string): string {
  return `[${type} ${safeLine(textOf(mimeType))}, ${Math.floor((base64.length * 3) / 4)} bytes; -o json shows it]`;
}

function resourceText({ uri, text, mimeType, blob }: JsonObject): string {
  const head = `[resource ${safeLine(textOf(uri))}]`;
  if (typeof text === 'string') return `${head}\n${safeBlock(text)}`;
  return typeof blob === 'string' ? `${head} ${mediaText('blob', mimeType, blob)}` : head;
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Servers send structured content as text as well, for older clients. */
function isSame(item: Json, structured: Json): boolean {
  if (!isJsonObject(item) || typeof item['text'] !== 'string') return false;
  try {
    return JSON.stringify(JSON.parse(item['text'])) === JSON.stringify(structured);
  } catch {
    return false;
  }
}
