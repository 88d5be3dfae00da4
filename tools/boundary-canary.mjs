// Proves that the dependency rule is awake: lint must reject a pure library that imports an adapter and an SDK.
// Without a project graph the rule skips itself with no more than a warning.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { ROOT } from './prerequisites.mjs';

const RULE = '@nx/enforce-module-boundaries';
const canary = join(ROOT, 'libs', 'call', 'src', 'boundary-canary.ts');
const FORBIDDEN = ["import { follow } from '@flow-mcp/messaging';", "import { connect } from 'nats';"];

writeFileSync(canary, `${FORBIDDEN.join('\n')}\nexport const forbidden = [follow, connect];\n`);
try {
  const [result] = await new ESLint({ cwd: ROOT }).lintFiles([canary]);
  const caught = new Set(result.messages.filter(({ ruleId }) => ruleId === RULE).map(({ line }) => line));
  const missed = FORBIDDEN.filter((_, at) => !caught.has(at + 1));
  for (const line of missed) console.error(`The dependency rule let this through in a pure library: ${line}`);
  process.exitCode = missed.length > 0 ? 1 : 0;
} finally {
  rmSync(canary, { force: true });
}
