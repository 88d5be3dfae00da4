import { readFileSync } from 'node:fs';
import { configTable } from '@flow-mcp/service-host';
import { registryConfig } from './config.js';

/** The same table, however prettier writes it. */
const cells = (markdown: string): string =>
  markdown.replaceAll(/\s+/g, '').replaceAll(/-+/g, '-').replaceAll('_required_', '*required*');

test('the README has the table of the configuration', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(cells(readme)).toContain(cells(configTable(registryConfig)));
});
