import type { Dispatcher } from 'undici';
import { Exchange } from './exchange.js';

/** undici's controller, as far as an exchange that never gets an answer uses it. */
function controller() {
  const aborts: Error[] = [];
  const given = { abort: (error: Error) => void aborts.push(error) } as unknown as Dispatcher.DispatchController;
  return { given, aborts };
}

const request = { method: 'POST', url: new URL('http://127.0.0.1/mcp'), headers: {}, signals: [] } as const;

test('H7: a request whose time is up when it would be written is not written', async () => {
  const late = new Error('the time is up');
  const exchange = new Exchange({
    ...request,
    onSent: () => {
      throw late;
    },
  });
  const { given, aborts } = controller();
  exchange.onRequestStart(given);
  await expect(exchange.response).rejects.toBe(late);
  expect(aborts).toEqual([late]);
});

test('H1: a second start is refused, and nothing is reported as sent twice', () => {
  let sent = 0;
  const exchange = new Exchange({ ...request, onSent: () => void (sent += 1) });
  const { given, aborts } = controller();
  exchange.onRequestStart(given);
  exchange.onRequestStart(given);
  expect([sent, aborts.length]).toEqual([1, 1]);
});
