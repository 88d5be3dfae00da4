import { loadConfig } from './config.js';

const URL_ONLY = { SERVICENOW_URL: 'https://example.service-now.com' };
const BASIC = { ...URL_ONLY, SERVICENOW_USER: 'flow', SERVICENOW_PASSWORD: 'p' };

describe('the configuration', () => {
  it('signs in with the token when there is one, else with user and password', () => {
    expect(loadConfig(BASIC).serviceNow.authorization).toBe('Basic Zmxvdzpw');
    expect(loadConfig({ ...BASIC, SERVICENOW_TOKEN: 't' }).serviceNow.authorization).toBe('Bearer t');
  });

  it('says what to set when it has no way to sign in', () => {
    expect(() => loadConfig(URL_ONLY)).toThrow('Set SERVICENOW_TOKEN, or SERVICENOW_USER and SERVICENOW_PASSWORD.');
  });

  it('does not listen beyond this machine without a key of its own', () => {
    expect(() => loadConfig({ ...BASIC, HOST: '0.0.0.0' })).toThrow('Set API_KEY');
    expect(loadConfig({ ...BASIC, HOST: '0.0.0.0', API_KEY: 'x'.repeat(16) }).host).toBe('0.0.0.0');
  });
});
