import type { Dispatcher } from 'undici';
import { Exchange } from './exchange.js';
import { cancelled } from './failure.js';

/** undici's side of an exchange. */
function controller() {
  const reasons: Error[] = [];
  const control = {
    abort: (reason: Error) => void reasons.push(reason),
    pause: () => undefined,
    resume: () => undefined,
  };
  return { control: control as unknown as Dispatcher.DispatchController, reasons };
}

function exchange(signal = new AbortController().signal) {
  let sent = 0;
  const url = new URL('http://mcp.test/');
  const made = new Exchange({ method: 'POST', url, headers: {}, signals: [signal], onSent: () => (sent += 1) });
  made.response.catch(() => undefined);
  return { made, sent: () => sent };
}

describe('Exchange', () => {
  it('H1: refuses to be started again', () => {
    const { made, sent } = exchange();
    const [first, second] = [controller(), controller()];
    made.onRequestStart(first.control);
    made.onRequestStart(second.control);
    expect([sent(), first.reasons.length, second.reasons.length]).toEqual([1, 0, 1]);
  });

  it('H2: was not sent when it fails before its start', async () => {
    const { made, sent } = exchange();
    made.onResponseError(undefined, new Error('no connection'));
    await expect(made.response).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DISCONNECTED' });
    expect(sent()).toBe(0);
  });

  it('H3: does not start when it was given up before', async () => {
    const stop = new AbortController();
    const { made, sent } = exchange(stop.signal);
    const reason = cancelled();
    stop.abort(reason);
    const { control, reasons } = controller();
    made.onRequestStart(control);
    await expect(made.response).rejects.toBe(reason);
    expect([sent(), reasons]).toEqual([0, [reason]]);
  });

  it('H4: closes its connection when it is given up on the way', () => {
    const stop = new AbortController();
    const { made } = exchange(stop.signal);
    const { control, reasons } = controller();
    made.onRequestStart(control);
    stop.abort(cancelled());
    expect(reasons).toHaveLength(1);
  });
});
