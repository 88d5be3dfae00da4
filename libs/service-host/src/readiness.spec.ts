import { RefusedError } from '@flow-mcp/kernel';
import { Readiness } from './readiness.js';

test('a service is ready when every check passes, and says what is missing otherwise', async () => {
  const readiness = new Readiness();
  let caughtUp = false;
  readiness.add('broker', () => undefined);
  readiness.add('registry', async () => (caughtUp ? undefined : 'The registry is being read.'));
  expect(await readiness.report()).toEqual({
    ready: false,
    checks: { broker: 'ok', registry: 'The registry is being read.' },
  });
  caughtUp = true;
  expect((await readiness.report()).ready).toBe(true);
});

test('a check that throws is a check that fails', async () => {
  const readiness = new Readiness();
  readiness.add('database', () => Promise.reject(new Error('refused')));
  expect(await readiness.report()).toEqual({ ready: false, checks: { database: 'refused' } });
});

test('a service that is stopping is not ready, whatever its checks say', async () => {
  const readiness = new Readiness();
  readiness.drain();
  expect((await readiness.report()).ready).toBe(false);
});

test('what no waiting will mend ends the start', async () => {
  const readiness = new Readiness();
  readiness.add('issuer', () => Promise.reject(new RefusedError('ERR_CONFIG_INVALID', 'Not this issuer.')));
  await expect(readiness.reportOrRefuse()).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
  expect(await readiness.report()).toEqual({ ready: false, checks: { issuer: 'Not this issuer.' } });
});
