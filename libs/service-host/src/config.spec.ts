import { RefusedError } from '@flow-mcp/kernel';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { BROKER_FIELDS, HTTP_FIELDS, PEOPLE_FIELDS } from './common-config.js';
import {
  commaList,
  configTable,
  defineConfig,
  flag,
  integer,
  loadConfig,
  readSecretFile,
  redactConfig,
} from './config.js';

const schema = defineConfig({
  ...HTTP_FIELDS,
  ...BROKER_FIELDS,
  ...PEOPLE_FIELDS,
  discoveryIntervalMs: integer(1000, 3_600_000)
    .prefault('60000')
    .meta({ unit: 'ms', description: 'How often to ask.' }),
  strict: flag().prefault('false').meta({ description: 'Whether to be strict.' }),
});
const required = { FLOWMCP_NATS_URL: 'nats://127.0.0.1:1', FLOWMCP_ISSUER: 'https://issuer.example' };
const messageOf = (env: Record<string, string>): string => {
  try {
    loadConfig(schema, env);
  } catch (error) {
    expect(error).toBeInstanceOf(RefusedError);
    expect((error as RefusedError).code).toBe('ERR_CONFIG_INVALID');
    return (error as RefusedError).message;
  }
  throw new Error('the configuration was accepted');
};

test('defaults fill what is not set, and the rest of the environment is ignored', () => {
  expect(loadConfig(schema, { ...required, PATH: '/bin', FLOWMCP_STRICT: '' })).toMatchObject({
    httpHost: '127.0.0.1',
    httpPort: 0,
    logLevel: 'info',
    audience: 'flow-mcp',
    adminGroups: [],
    discoveryIntervalMs: 60_000,
    strict: false,
  });
});

test('lists, numbers and flags are read', () => {
  const env = {
    ...required,
    FLOWMCP_ADMIN_GROUPS: 'admins, root ,',
    FLOWMCP_HTTP_PORT: '8080',
    FLOWMCP_STRICT: 'true',
  };
  expect(loadConfig(schema, env)).toMatchObject({ adminGroups: ['admins', 'root'], httpPort: 8080, strict: true });
});

test('an unknown variable is an error that names the nearest known one', () => {
  expect(messageOf({ ...required, FLOWMCP_ADMIN_GROUP: 'x' })).toContain('did you mean FLOWMCP_ADMIN_GROUPS?');
  expect(messageOf({ ...required, FLOWMCP_SOMETHING_ELSE_ENTIRELY: 'x' })).toContain('remove it');
});

test('every mistake is reported, each by its variable, without repeating values', () => {
  const message = messageOf({ FLOWMCP_HTTP_PORT: '65536', FLOWMCP_LOG_LEVEL: 'hunter2', FLOWMCP_ISSUER: 'no url' });
  expect(message.split('\n')).toEqual([
    'Correct the configuration:',
    'FLOWMCP_HTTP_PORT must be a whole number from 0 to 65535',
    'FLOWMCP_LOG_LEVEL must be debug, info, warn or error',
    'FLOWMCP_NATS_URL must be set',
    'FLOWMCP_ISSUER must be the issuer’s URL',
  ]);
});

test('credentials inside a URL are masked before a configuration is logged', () => {
  expect(redactConfig({ natsUrl: 'nats://u:secret@a:1,nats://u:secret@b:2', httpPort: 1 })).toEqual({
    natsUrl: 'nats://***@a:1,nats://***@b:2',
    httpPort: 1,
  });
});

test('the table shows each variable with its default, unit and meaning', () => {
  const rows = configTable(schema).split('\n');
  expect(rows).toContain('| `FLOWMCP_DISCOVERY_INTERVAL_MS` | `60000` | ms | How often to ask. |');
  expect(rows.find((row) => row.includes('FLOWMCP_NATS_URL'))).toContain('*required*');
  expect(rows.find((row) => row.includes('FLOWMCP_ADMIN_GROUPS'))).toContain('| – |');
  expect(rows.find((row) => row.includes('FLOWMCP_LOG_LEVEL'))).toContain('| `info` |');
});

test('a field without a description is refused', () => {
  expect(() => defineConfig({ port: z.string() })).toThrow('Describe the configuration field port');
});

test('words of a list may be surrounded by spaces', () => {
  expect(commaList().parse(' a ,,b')).toEqual(['a', 'b']);
});

test('a secret is read without its line end; a missing or empty file is named', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowmcp-'));
  writeFileSync(join(folder, 'seed'), 'SUAB\n');
  writeFileSync(join(folder, 'empty'), '\n');
  expect(readSecretFile(join(folder, 'seed'))).toBe('SUAB');
  expect(() => readSecretFile(join(folder, 'empty'))).toThrow(join(folder, 'empty'));
  expect(() => readSecretFile(join(folder, 'none'))).toThrow(join(folder, 'none'));
});
