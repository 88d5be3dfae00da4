// Calls as the executor makes them, with what a test does not care about filled in.

import { createUpstream, type UpstreamOptions } from '../create-upstream.js';
import type { CallRequest, DiscoverRequest, Upstream, UpstreamServer } from '../upstream.js';

/** An upstream that may reach the loopback, and the calls made through it. */
export interface TestUpstream {
  readonly upstream: Upstream;
  call(url: string, details?: CallDetails): ReturnType<Upstream['call']>;
  discover(
    url: string,
    details?: Partial<DiscoverRequest> & { readonly server?: UpstreamServer },
  ): ReturnType<Upstream['discover']>;
}

/** What a test may say about a call. */
export type CallDetails = Partial<Omit<CallRequest, 'server'>> & { readonly server?: Partial<UpstreamServer> };

export function testUpstream(options: UpstreamOptions = {}): TestUpstream {
  const upstream = createUpstream({ addresses: { allowLoopback: true }, ...options });
  return {
    upstream,
    call: (url, { server, ...details } = {}) =>
      upstream.call({
        server: { name: 'scripted', generation: 1, url, protocol: 'AUTO', ...server },
        person: 'ann',
        authorize: async () => ({ authorization: 'Bearer ann' }),
        tool: 'greet',
        arguments: { name: 'Ann' },
        meta: {},
        timeoutMs: 20_000,
        resultBytesMax: 1024 * 1024,
        signal: new AbortController().signal,
        ...details,
      }),
    discover: (url, details = {}) =>
      upstream.discover({
        server: { name: 'scripted', generation: 1, url, protocol: 'AUTO' },
        authorize: async () => ({ authorization: 'Bearer flow-mcp' }),
        timeoutMs: 20_000,
        signal: new AbortController().signal,
        ...details,
      }),
  };
}
