import { SIGNING_EXAMPLE } from '@flow-mcp/contracts';
import { cancelFact, requestedFact } from './request.js';

const { flow, callId, subject, payload, secret, hmac } = SIGNING_EXAMPLE;
const call = { flow, callId };
const request = { server: 'plural', tool: 'account_details', arguments: { user: 'ada' } };
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test('a request is signed as the guide of docs/asyncapi.yaml says', () => {
  const fact = requestedFact(call, request, { pass: 'a.b.c', secret });
  expect({ subject: fact.subject, payload: text(fact.payload) }).toEqual({ subject, payload });
  expect(new Map(fact.headers)).toEqual(
    new Map([
      ['ce-specversion', '1.0'],
      ['ce-type', 'flowmcp.calls.requested.v1'],
      ['ce-source', '/flow-mcp/client'],
      ['ce-time', expect.stringMatching(/^\d{4}-.*Z$/)],
      ['Flow-Mcp-Pass', 'a.b.c'],
      ['Flow-Mcp-Hmac', hmac],
    ]),
  );
});

test('the same request under the same id is the same bytes, whenever it is made', () => {
  const made = () => text(requestedFact(call, request, { pass: 'a.b.c', secret }).payload);
  expect(made()).toBe(made());
});

test('a deadline of the caller counts, else the time to start counts from the call id', () => {
  const deadlineOf = (more: object) => {
    const bytes = requestedFact(call, { ...request, ...more }, { pass: 'a.b.c', secret }).payload;
    return (JSON.parse(text(bytes)) as { deadlineMs: number }).deadlineMs;
  };
  expect(deadlineOf({ deadlineMs: 5 })).toBe(5);
  expect(deadlineOf({ startWithinMs: 1_000 })).toBe(deadlineOf({}) - 29_000);
});

test.each([
  ['ERR_CALL_ID_INVALID', { callId: callId.toUpperCase() }, {}],
  ['ERR_MESSAGE_INVALID', {}, { server: 'Plural' }],
  ['ERR_MESSAGE_INVALID', {}, { reason: 'x'.repeat(1_001) }],
  ['ERR_ARGUMENTS_TOO_LARGE', {}, { arguments: { text: 'x'.repeat(300_000) } }],
])('%s: what no executor would take is not sent', (code, key, more) => {
  const make = () => requestedFact({ ...call, ...key }, { ...request, ...more }, { pass: 'a.b.c', secret });
  expect(make).toThrow(expect.objectContaining({ code }) as Error);
});

test('a cancel carries no signature', () => {
  const fact = cancelFact(call, 'enough');
  expect(fact.subject).toBe(`flowmcp.v1.calls.${flow}.${callId}.cancel`);
  expect(text(fact.payload)).toBe('{"reason":"enough"}');
  expect([...fact.headers].map(([name]) => name)).not.toContain('Flow-Mcp-Hmac');
});
