// Stands before an MCP server and knows the instants of each call there: received, and answered. It can withhold a call
// at either instant, so that somebody can be killed exactly then. Whoever asked may be gone meanwhile: the server still
// gets the request, as it would if the asker had died right after sending it.

import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** When a call is at the server. */
export type Instant = 'received' | 'answered';

/** See the head of this file. */
export interface UpstreamTap {
  readonly url: string;
  /** Stops the call at this instant until it is released; every attempt of it. */
  withhold(callId: string, at: Instant): void;
  /** Lets every call go on, now and later. */
  release(): void;
  /** Resolves once the call has come to this instant, withheld or not. */
  reached(callId: string, at: Instant): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a tap before the MCP server at `target`; what follows `/mcp` in a url is passed on. */
export async function startUpstreamTap(target: string): Promise<UpstreamTap> {
  const gates = new Gates();
  const server = createServer((request, response) => {
    response.on('error', () => undefined);
    pass({ request, response, target, gates }).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    withhold: (callId, at) => gates.withhold(`${callId} ${at}`),
    release: () => gates.release(),
    reached: (callId, at) => gates.reached(`${callId} ${at}`),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

interface Passage {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: string;
  readonly gates: Gates;
}

async function pass({ request, response, target, gates }: Passage): Promise<void> {
  const body = await buffer(request);
  const callId = callIdOf(body);
  if (callId !== undefined) await gates.pass(`${callId} received`);
  const { method, headers, url } = request;
  const upstream = httpRequest(new URL(url ?? '', target), { method: method ?? 'GET', headers }).end(body);
  if (callId === undefined) response.on('close', () => upstream.destroy());
  const [answer] = (await once(upstream, 'response')) as [IncomingMessage];
  if (callId === undefined) {
    answer.pipe(response.writeHead(answer.statusCode ?? 500, answer.headers));
  } else {
    const answered = await buffer(answer);
    await gates.pass(`${callId} answered`);
    response.writeHead(answer.statusCode ?? 500, answer.headers).end(answered);
  }
}

/** The call id that the executor puts into `_meta` of a `tools/call`. */
function callIdOf(body: Buffer): string | undefined {
  if (!body.includes('"tools/call"')) return undefined;
  const { params } = JSON.parse(body.toString()) as { params?: { _meta?: Record<string, string> } };
  return params?._meta?.['flow-mcp/callId'];
}

class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

/** What is withheld, and what has come by. */
class Gates {
  readonly #withheld = new Map<string, Gate>();
  readonly #reached = new Map<string, Gate>();

  withhold(place: string): void {
    this.#withheld.set(place, new Gate());
  }

  release(): void {
    for (const gate of this.#withheld.values()) gate.open();
    this.#withheld.clear();
  }

  reached(place: string): Promise<void> {
    return this.#of(place).opened;
  }

  async pass(place: string): Promise<void> {
    this.#of(place).open();
    await this.#withheld.get(place)?.opened;
  }

  #of(place: string): Gate {
    const gate = this.#reached.get(place) ?? new Gate();
    this.#reached.set(place, gate);
    return gate;
  }
}
