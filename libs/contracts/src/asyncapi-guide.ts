// How to make a governed call with a NATS client, HMAC-SHA256 and nothing of ours: the description in docs/asyncapi.yaml.
// A spec computes the worked example again; e2e makes a call from this text alone.

import { inboxPrefix } from './permissions.js';
import { LIMITS, STREAMS } from './streams.js';
import { callSubject, progressSubject, storedSubject } from './subjects.js';
import { OUTCOMES } from './v1/facts.js';
import { RPCS } from './v1/rpc.js';

/** A request and its signature, for checking an implementation against. */
export const SIGNING_EXAMPLE = {
  secret: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8',
  flow: 'payments',
  callId: '01932c6e-7d5a-7c3f-9b1e-2f4a6c8e0d12',
  subject: callSubject('payments', '01932c6e-7d5a-7c3f-9b1e-2f4a6c8e0d12', 'requested'),
  payload:
    '{"method":"tools/call","server":"plural","tool":"account_details","arguments":{"user":"ada"},"deadlineMs":1731617288842}',
  hmac: 'VPf2kzj0lZz1OXPy4SR2UIvT708Fw3-_VCad7zgEozY',
  digest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  reason: 'Ada asked for it',
  voteHmac: 'qVGEHhv5uj4Odc4eo7Gmk-cShMZ4Ye8dtaOlFQJYaAE',
} as const;

const CALL = ['<flow>', '<callId>'] as const;
const requested = callSubject(...CALL, 'requested');
const kib = (bytes: number) => `${bytes / 1024} KiB`;

/** Markdown. */
export const GUIDE = `A Flow chat service asks for tool calls by publishing facts on NATS JetStream and reads what came of them. You need a
NATS client with headers, HMAC-SHA256 and JSON. Publish exactly what the schemas say; when reading, ignore members that
you do not know.

## One governed call

1. **Connect** with the nkey seed of the NATS user \`chat\` and the inbox prefix \`${inboxPrefix('chat')}\`; no other inbox is
   permitted.

2. **Get a pass.** Request \`${RPCS.pass.subject}\` with \`{"token": "<OIDC token of the person>", "flow": "<flow>"}\`. The
   answer is \`{"pass", "secret", "expiresAtMs", "person"}\`. A pass is for one person and one Flow and is good for some
   minutes: keep it, and get the next one before \`expiresAtMs\`. Any rpc may answer
   \`{"error": {"code", "message", "field"?, "retryAfterMs"?}}\` instead; what each code means is in docs/errors.md.

3. **Choose a tool.** Request \`${RPCS.tools.subject}\` with \`{"token", "flow"}\`. Give your model \`name\` and \`definition\`;
   call by \`server\` and \`definition.name\`.

4. **Make a call id**: a UUIDv7 in lower case. Its time must be within ten minutes of the broker's. It stands for this
   call for ever: whoever repeats it gets the stored outcome.

5. **Subscribe** to \`${storedSubject(callSubject(...CALL, 'requested')).replace(/requested$/, '>')}\`, before you publish. Only the broker can publish
   there, and only what is stored. Progress, if the MCP server reports any, comes on \`${progressSubject(...CALL)}\`.

6. **Build the request** (schema \`flowmcp.calls.requested.v1\`), serialise it once and keep the bytes, at most
   ${kib(LIMITS.requestedBytes)}, of which arguments at most ${kib(LIMITS.argumentsBytes)}. A call that nobody has to confirm must start before \`deadlineMs\` (Unix
   milliseconds) or never runs.

7. **Sign it.** \`Flow-Mcp-Hmac\` = base64url without padding of HMAC-SHA256 with the key base64url-decode(\`secret\`), 32
   bytes, over the subject, one line feed (\`0x0a\`) and the payload bytes as you send them.

8. **Publish** to \`${requested}\` **as a request** with these headers:

   | header | value |
   |---|---|
   | \`Nats-Expected-Last-Subject-Sequence\` | \`0\` |
   | \`ce-id\` | a random id, the same when you send the same fact again |
   | \`ce-source\` | \`/<your service>\` |
   | \`ce-type\` | \`flowmcp.calls.requested.v1\` |
   | \`ce-specversion\` | \`1.0\` |
   | \`Flow-Mcp-Pass\` | the pass |
   | \`Flow-Mcp-Hmac\` | the signature |
   | \`traceparent\` | W3C Trace Context, optional |

   Do not send \`Nats-Msg-Id\`. JetStream's answer says what happened; look for \`error\` first:

   | answer | means |
   |---|---|
   | \`{"stream": "${STREAMS.LEDGER.name}", "seq": n}\` | stored: go on |
   | \`error.err_code\` 10071 | the call id was used before: read the fact (step 10). The same payload bytes: it is your own call, go on. Other bytes: \`ERR_CALL_ID_REUSED\`, make a new id |
   | \`error.err_code\` 10077 | the ledger is full, nothing is stored: try later |
   | none in time, any other error | unknown: send the same bytes with the same \`ce-id\` again |

9. **Wait** for \`verdict\` and \`settled\`. \`verdict.step\` is \`run\`, \`refuse\`, or \`hold\`: a person must decide before
   \`hold.expiresAtMs\`. Every call ends in exactly one \`settled\`, with one of these outcomes: ${OUTCOMES.map((outcome) => `\`${outcome}\``).join(', ')}.
   \`tool_error\` is an answer of the tool; \`unknown\` means that the tool may or may not have run.

10. **Read what you missed.** Messages on \`flowmcp.v1.stored.>\` are delivered at most once. After a reconnect, and 2, 4, 8 …
    seconds after publishing, ask for the facts: an empty request to
    \`$JS.API.DIRECT.GET.${STREAMS.LEDGER.name}.${callSubject(...CALL, 'settled')}\` answers with the payload, or with the status 404 while
    there is none. To learn the outcome of a call that you made before a crash, publish the same bytes again or read
    \`settled\` like this.

**Cancel**: publish \`{}\` or \`{"reason": "…"}\` to \`${callSubject(...CALL, 'cancel')}\` with the headers of step 8 without pass and
signature, and \`ce-type: flowmcp.calls.cancel.v1\`. The call settles \`cancelled\` if it cannot have acted, else \`unknown\`.

**Decide** on a held call: request \`${RPCS.decide.subject}\` with the voter's token and pass, the \`digest\` of the
verdict's \`hold\`, and an \`hmac\` made as in step 7, with the secret of the voter's pass, over \`flow-mcp-vote/v1\` in the
place of the subject, a line feed, and Flow, call id, digest, \`accept\` or \`decline\`, and the reason (empty if there is
none), joined by line feeds. \`${RPCS.pending.subject}\` lists what waits and whether a person may decide on it.

**Large results**: \`settled\` carries \`result\` up to ${kib(LIMITS.inlineResultBytes)}; a larger one is named by \`resultRef\`. Request
\`${RPCS.result.subject}\` with \`offset\` 0, then with each answer's \`nextOffset\` until there is none; the pieces are base64,
and together hash to \`resultRef.sha256\`.

## Check your signatures

With the secret \`${SIGNING_EXAMPLE.secret}\`, the subject
\`${SIGNING_EXAMPLE.subject}\` and the payload

    ${SIGNING_EXAMPLE.payload}

the signature is \`${SIGNING_EXAMPLE.hmac}\`. Accepting the digest
\`${SIGNING_EXAMPLE.digest}\` of that call with the reason \`${SIGNING_EXAMPLE.reason}\` is
signed \`${SIGNING_EXAMPLE.voteHmac}\`.
`;
