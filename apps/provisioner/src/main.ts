import { describeError } from '@flow-mcp/kernel';
import { run } from './command.js';

try {
  await run(process.argv.slice(2), process.env, (line) => void process.stdout.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
}
