import { blockToken, ledgerRows, type RecordedFact, type StreamIdentity } from './block.js';

const LEDGER: StreamIdentity = { stream: 'LEDGER', createdAt: 1_700_000_000_000 };
const CALL = 'flowmcp.v1.calls.payments.018f2f6e-0000-7000-8000-000000000001';

function fact(seq: number, options: Partial<RecordedFact> = {}): RecordedFact {
  const payload = new TextEncoder().encode(`{"n":${seq}}`);
  return { subject: `${CALL}.requested`, seq, storedAtMs: 1_700_000_000_000 + seq, payload, headers: [], ...options };
}

function token(facts: RecordedFact[], stream = LEDGER): string {
  return blockToken(stream, ledgerRows({ stream, facts }));
}

test('a row takes the subject of a call apart', () => {
  const [row] = ledgerRows({ stream: LEDGER, facts: [fact(7, { subject: `${CALL}.voted.abc` })] });
  expect(row).toMatchObject({ flow: 'payments', call_id: CALL.split('.')[4], fact: 'voted', kind: '', seq: 7 });
});

test('a row takes the subject of a resource apart', () => {
  const stream: StreamIdentity = { stream: 'REGISTRY', createdAt: 1 };
  const [row] = ledgerRows({ stream, facts: [fact(1, { subject: 'flowmcp.v1.registry.mcpserver.plural.12' })] });
  expect(row).toMatchObject({ kind: 'MCPServer', name: 'plural', generation: 12, flow: '', call_id: '' });
});

test.each(['flowmcp.v1.calls', 'flowmcp.v1.calls.x', 'a', ''])(
  'a malformed subject %j is recorded all the same',
  (subject) => {
    expect(ledgerRows({ stream: LEDGER, facts: [fact(1, { subject })] })[0]?.subject).toBe(subject);
  },
);

test('B2: headers that carry secrets are left out, and named', () => {
  const headers: [string, string][] = [
    ['traceparent', '00-1'],
    ['flow-mcp-PASS', 'a.b.c'],
    ['Flow-Mcp-Hmac', 'secret'],
  ];
  const [row] = ledgerRows({ stream: LEDGER, facts: [fact(1, { headers })] });
  expect(row?.headers).toBe('{"traceparent":"00-1"}');
  expect(row?.headers_dropped).toEqual(['Flow-Mcp-Hmac', 'flow-mcp-PASS']);
});

test('a payload of any bytes is kept', () => {
  const payload = Uint8Array.from([0, 255, 254, 10]);
  const [row] = ledgerRows({ stream: LEDGER, facts: [fact(1, { payload })] });
  expect(Buffer.from(row?.payload_base64 ?? '', 'base64')).toEqual(Buffer.from(payload));
});

test('B1: the order of headers does not matter, so equal blocks are equal bytes', () => {
  const headers: [string, string][] = [
    ['b', '2'],
    ['a', '1'],
  ];
  const rows = (given: [string, string][]) => ledgerRows({ stream: LEDGER, facts: [fact(1, { headers: given })] });
  expect(rows(headers)).toEqual(rows([...headers].reverse()));
});

test('the token tells blocks apart by stream, range and bytes', () => {
  const block = [fact(1), fact(2)];
  expect(token(block)).toMatch(/^LEDGER:1700000000000:1-2:[0-9a-f]{64}$/);
  expect(token(block)).toBe(token([fact(1), fact(2)]));
  const others = [
    token([fact(1)]),
    token([fact(1), fact(2, { payload: new Uint8Array() })]),
    token(block, { ...LEDGER, createdAt: 1 }),
    token(block, { ...LEDGER, stream: 'REGISTRY' }),
  ];
  expect(new Set([token(block), ...others]).size).toBe(5);
});
