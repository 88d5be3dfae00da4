import { contextPaths, settingsOf } from './settings.js';

const file = (content: unknown) => ({ path: '/home/.flow-mcp/cli.json', text: JSON.stringify(content) });
const local = {
  natsUrl: 'nats://127.0.0.1:4321',
  natsSeedFile: 'keys/cli.nk',
  natsName: 'ours',
  issuer: 'http://127.0.0.1:1',
};

test('a context file is used as it lies, its key file beside it', () => {
  expect(settingsOf({}, file(local))).toEqual({ ...local, natsSeedFile: '/home/.flow-mcp/keys/cli.nk' });
});

test('the environment is never mixed with the context file', () => {
  const env = { FLOWMCP_NATS_URL: 'nats://broker.example.com' };
  expect(settingsOf(env, file(local))).toEqual({ natsUrl: 'nats://broker.example.com' });
});

test('the Flow of the environment goes before that of the context file', () => {
  expect(settingsOf({ FLOWMCP_FLOW: 'support' }, file({ ...local, flow: 'payments' })).flow).toBe('support');
  expect(settingsOf({}, file({ ...local, flow: 'payments' })).flow).toBe('payments');
});

test.each([
  ['names another machine as broker', { ...local, natsUrl: 'nats://evil.example.com' }, /natsUrl/],
  ['names this machine only in part', { ...local, natsUrl: 'nats://127.0.0.1.evil.example.com' }, /natsUrl/],
  ['names another machine as issuer', { ...local, issuer: 'https://evil.example.com' }, /issuer/],
  ['has no address', {}, /natsUrl/],
  ['has a field too many', { ...local, token: 'x' }, /the file/],
  ['is no object', 1, /the file/],
])('a context file that %s is refused', (_, content, naming) => {
  expect(() => settingsOf({}, file(content))).toThrow(naming);
  expect(() => settingsOf({}, file(content))).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }) as Error);
});

test('without either it says what to do', () => {
  expect(() => settingsOf({}, undefined)).toThrow('run `npm start`');
});

test('the context file may lie in this folder or above it', () => {
  expect(contextPaths('/home/ada/chat')).toEqual([
    '/home/ada/chat/.flow-mcp/cli.json',
    '/home/ada/.flow-mcp/cli.json',
    '/home/.flow-mcp/cli.json',
    '/.flow-mcp/cli.json',
  ]);
});
