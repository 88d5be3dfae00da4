import fc from 'fast-check';
import { UpstreamFailure } from './failure.js';
import { parseMessages } from './messages.js';

const code = (text: string) => {
  try {
    parseMessages(text);
    return 'accepted';
  } catch (error) {
    return error instanceof UpstreamFailure ? error.code : error;
  }
};

describe('parseMessages', () => {
  it('keeps results as they are', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })), (value) => {
        const { _meta, ...result } = value;
        const text = JSON.stringify({ jsonrpc: '2.0', id: 1, result });
        expect(JSON.stringify(parseMessages(text)[0])).toBe(text);
      }),
    );
  });

  it('never throws anything but a failure', () => {
    const mutated = fc.tuple(fc.nat(200), fc.string({ maxLength: 3 })).map(([at, junk]) => {
      const text =
        '[{"jsonrpc":"2.0","id":1,"result":{"a":[1,{"b":null}]}},{"jsonrpc":"2.0","method":"notifications/x"}]';
      return text.slice(0, at) + junk + text.slice(at + junk.length);
    });
    fc.assert(
      fc.property(mutated, (text) =>
        ['accepted', 'ERR_UPSTREAM_NOT_MCP', 'ERR_UPSTREAM_TOO_LARGE'].includes(String(code(text))),
      ),
      {
        numRuns: 2_000,
      },
    );
  });

  it.each([
    ['', 'ERR_UPSTREAM_NOT_MCP'],
    ['null', 'ERR_UPSTREAM_NOT_MCP'],
    ['{"id":1,"result":{}}', 'ERR_UPSTREAM_NOT_MCP'],
    ['{"jsonrpc":"2.0","id":null,"result":{}}', 'ERR_UPSTREAM_NOT_MCP'],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"m"}}', 'ERR_UPSTREAM_NOT_MCP'],
    ['{"jsonrpc":"2.0","id":1,"error":null,"result":{},"extra":1}', 'accepted'],
    [`{"jsonrpc":"2.0","id":1,"result":{"a":${'['.repeat(70)}${']'.repeat(70)}}}`, 'ERR_UPSTREAM_TOO_LARGE'],
    [`[${Array(101).fill('{"jsonrpc":"2.0","method":"x"}').join(',')}]`, 'ERR_UPSTREAM_TOO_LARGE'],
  ])('%s is %s', (text, expected) => expect(code(text)).toBe(expected));
});
