// A call made with plain NATS, an HMAC and docs/asyncapi.yaml alone; nothing of ours but the system that is called.

import { createHash } from 'node:crypto';
import { variantsOf } from './manifests.js';
import { makeCallId, PlainChat, type Pass, type Place, type Signed } from './plain-chat.js';
import { System } from './system.js';

interface Settled {
  readonly outcome: string;
  readonly message?: string;
  readonly result?: { readonly content: readonly { readonly text: string }[] };
  readonly resultRef?: { readonly bytes: number; readonly sha256: string };
}

interface Verdict {
  readonly step: string;
  readonly hold: { readonly digest: string; readonly expiresAtMs: number };
}

let system: System;
let chat: PlainChat;
let token: string;
let pass: Pass;

beforeAll(async () => {
  system = await System.start({
    servers: (url) =>
      variantsOf(url, { counting: { confirmation: { tools: [{ match: 'delete_*', require: true }] } } }),
  });
  const { servers, seedFile = '' } = system.stack.login('chat');
  chat = await PlainChat.connect(servers, seedFile);
  token = await system.token('alice');
  pass = await chat.ask<Pass>('rpc.executor.pass', { token, flow: 'payments' });
}, 60_000);

afterAll(async () => {
  await chat?.close();
  await system?.stop();
});

function sign(tool: string, args: Record<string, unknown> = {}, place: Place = newPlace()): Signed {
  const deadlineMs = Date.now() + 30_000;
  return chat.sign(place, { method: 'tools/call', server: 'counting', tool, arguments: args, deadlineMs }, pass);
}

function newPlace(): Place {
  return { flow: 'payments', callId: makeCallId() };
}

async function executionsOf({ callId }: Place): Promise<number> {
  return (await system.counting.executions(callId)).length;
}

test('a tool is chosen and called; the same bytes again get the stored outcome, other bytes do not', async () => {
  const { tools } = await chat.ask<{ tools: { server: string; definition: { name: string } }[] }>(
    'rpc.registry.tools',
    {
      ...{ token, flow: 'payments' },
    },
  );
  expect(tools.map(({ server, definition }) => [server, definition.name])).toContainEqual(['counting', 'echo']);

  const call = sign('echo', { text: 'plain' });
  const { fact: settled } = await chat.listen<Settled>('stored.calls.settled', call.place);
  expect(await chat.publish('calls.requested', call)).toMatchObject({ stream: 'LEDGER' });
  expect(await settled).toMatchObject({ outcome: 'succeeded', result: { content: [{ text: '{"text":"plain"}' }] } });

  expect((await chat.publish('calls.requested', call)).error?.err_code).toBe(10071);
  expect(Buffer.from((await chat.read(call.place, 'requested')).data)).toEqual(call.payload);
  expect((await chat.read(call.place, 'settled')).json()).toEqual(await settled);

  const other = sign('echo', { text: 'another' }, call.place);
  expect((await chat.publish('calls.requested', other)).error?.err_code).toBe(10071);
  expect(Buffer.from((await chat.read(call.place, 'requested')).data)).not.toEqual(other.payload);
  expect(await executionsOf(call.place)).toBe(1);
});

test('a call is held, shown, accepted and resumed once, however often the vote is sent', async () => {
  const call = sign('delete_record', { id: '7' });
  const { fact: held } = await chat.listen<Verdict>('stored.calls.verdict', call.place);
  const { fact: settled } = await chat.listen<Settled>('stored.calls.settled', call.place);
  await chat.publish('calls.requested', call);
  const { step, hold } = await held;
  expect(step).toBe('hold');

  const { calls } = await chat.ask<{ calls: object[] }>('rpc.confirmation.pending', { token, flow: 'payments' });
  expect(calls).toMatchObject([{ ...call.place, digest: hold.digest, arguments: { id: '7' }, mayDecide: true }]);

  const said = { digest: hold.digest, vote: 'accept', reason: 'Ada asked for it' } as const;
  const hmac = chat.signVote(call.place, said, pass);
  const vote = { ...call.place, ...said, token, pass: pass.pass, hmac };
  const accepted = { state: 'accepted', accepted: 1, approvals: 1 };
  expect(await chat.ask('rpc.confirmation.decide', vote)).toEqual(accepted);
  expect((await settled).outcome).toBe('succeeded');
  expect(await chat.ask('rpc.confirmation.decide', vote)).toEqual(accepted);
  expect(await executionsOf(call.place)).toBe(1);
});

test('a vote that is not signed with the secret of the pass does not let a call run', async () => {
  const call = sign('delete_record', { id: '8' });
  const { fact: held } = await chat.listen<Verdict>('stored.calls.verdict', call.place);
  const { fact: settled } = await chat.listen<Settled>('stored.calls.settled', call.place);
  await chat.publish('calls.requested', call);
  const { digest } = (await held).hold;
  const hmac = chat.signVote(call.place, { digest, vote: 'decline' }, pass);
  await chat.ask('rpc.confirmation.decide', { ...call.place, token, pass: pass.pass, digest, vote: 'accept', hmac });
  expect((await settled).outcome).toBe('denied');
  expect(await executionsOf(call.place)).toBe(0);
});

test('a held call is cancelled', async () => {
  const call = sign('delete_record', { id: '9' });
  const { fact: held } = await chat.listen('stored.calls.verdict', call.place);
  const { fact: settled } = await chat.listen<Settled>('stored.calls.settled', call.place);
  await chat.publish('calls.requested', call);
  await held;
  expect(await chat.cancel(call.place, 'changed my mind')).toMatchObject({ stream: 'LEDGER' });
  expect((await settled).outcome).toBe('cancelled');
});

test('progress is heard, and a large result is read in pieces', async () => {
  const slow = sign('sleep', { ms: 1 });
  const { fact: progress } = await chat.listen('progress', slow.place);
  await chat.publish('calls.requested', slow);
  expect(await progress).toEqual({ progress: 1, total: 1 });

  const large = sign('huge', { bytes: 600_000 });
  const { fact: settled } = await chat.listen<Settled>('stored.calls.settled', large.place);
  await chat.publish('calls.requested', large);
  const { resultRef } = await settled;
  const pieces: Buffer[] = [];
  for (let offset: number | undefined = 0; offset !== undefined;) {
    const piece: { base64: string; nextOffset?: number } = await chat.ask('rpc.executor.result', {
      ...{ ...large.place, token, offset },
    });
    pieces.push(Buffer.from(piece.base64, 'base64'));
    offset = piece.nextOffset;
  }
  const result = Buffer.concat(pieces);
  expect(resultRef).toMatchObject({
    bytes: result.byteLength,
    sha256: createHash('sha256').update(result).digest('hex'),
  });
  expect(JSON.parse(result.toString())).toEqual({ content: [{ type: 'text', text: 'x'.repeat(600_000) }] });
});

test('a forged signature is denied, and says what to do', async () => {
  const honest = sign('echo');
  const forged = { ...honest, headers: { ...honest.headers, 'Flow-Mcp-Hmac': 'A'.repeat(43) } };
  const { fact: settled } = await chat.listen<Settled>('stored.calls.settled', forged.place);
  await chat.publish('calls.requested', forged);
  expect(await settled).toMatchObject({ outcome: 'denied', code: 'ERR_PASS_INVALID' });
  expect((await settled).message).toContain('ask rpc executor.pass');
});

test('every invariant holds of all that happened here', async () => {
  expect(await system.violations({ unknownMax: 0, secrets: [pass.secret] })).toEqual([]);
});
