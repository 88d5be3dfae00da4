import { RefusedError, RetryableError } from '@flow-mcp/kernel';
import { insist } from './insist.js';

const away = new RetryableError('ERR_DATABASE_UNAVAILABLE', 'Away.');
const never = new AbortController().signal;

test('goes on until it succeeds, and tells of every failure', async () => {
  const failures: RetryableError[] = [];
  let tries = 0;
  const work = () => (++tries < 3 ? Promise.reject(away) : Promise.resolve(tries));
  expect(await insist(work, { signal: never, onFailure: (error) => failures.push(error) })).toBe(3);
  expect(failures).toEqual([away, away]);
});

test('does not repeat what is refused', async () => {
  const refused = new RefusedError('ERR_CONFIG_INVALID', 'Wrong password.');
  let tries = 0;
  const work = () => {
    tries += 1;
    return Promise.reject(refused);
  };
  await expect(insist(work, { signal: never, onFailure: () => undefined })).rejects.toBe(refused);
  expect(tries).toBe(1);
});

test.each(['at once', 'between tries', 'during a try that never ends'])('ends with the signal, %s', async (when) => {
  const controller = new AbortController();
  const onFailure = () => controller.abort();
  if (when === 'at once') controller.abort();
  const work = () => {
    if (when === 'between tries') return Promise.reject(away);
    queueMicrotask(() => controller.abort());
    return new Promise<never>(() => undefined);
  };
  await expect(insist(work, { signal: controller.signal, onFailure })).rejects.toMatchObject({ name: 'AbortError' });
});
