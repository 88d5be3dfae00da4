// Names by which a model calls tools: `<server>__<tool>` in [A-Za-z0-9_-]{1,64}, unique among the tools of a Flow.
//
//   N1. A name depends on its server and tool alone, so it stays when other tools come and go.
//   N2. A tool's own name is kept where it is safe and fits. A server is a DNS label, so the first `__` ends it, and
//       such names cannot collide.
//   N3. Any other is cut and gets a hash of server and tool behind it. A name that looks as if it had one gets one too,
//       so kept and hashed names cannot collide.
//   N4. Should two short hashes collide, which needs somebody to try 2^24 names, both get a long one.

import { createHash } from 'node:crypto';

/** A tool of a server. */
export interface ToolKey {
  readonly server: string;
  readonly tool: string;
}

const LENGTH_MAX = 64;
const SHORT_HASH = 12;
const LONG_HASH = 40;
const LOOKS_HASHED = /_(?:[0-9a-f]{12}|[0-9a-f]{40})$/;

/** The name of each tool, in the order given. Expects each server and tool once. */
export function nameTools(tools: readonly ToolKey[]): string[] {
  const names = tools.map(nameTool);
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return names.map((name, index) => {
    const key = tools[index];
    return key === undefined || counts.get(name) === 1 ? name : hashedName(key, LONG_HASH);
  });
}

function nameTool(key: ToolKey): string {
  const plain = `${key.server}__${key.tool}`;
  const isSafe = /^[\w-]+$/.test(key.tool) && plain.length <= LENGTH_MAX && !LOOKS_HASHED.test(key.tool);
  return isSafe ? plain : hashedName(key, SHORT_HASH);
}

function hashedName({ server, tool }: ToolKey, length: number): string {
  const hash = createHash('sha256').update(`${server}\n${tool}`).digest('hex').slice(0, length);
  const room = LENGTH_MAX - length - '__'.length - '_'.length;
  const shortServer = server.slice(0, Math.max(Math.floor(room / 2), room - tool.length));
  const shortTool = tool.replaceAll(/[^\w-]/g, '_').slice(0, room - shortServer.length);
  return `${shortServer}__${shortTool}_${hash}`;
}
