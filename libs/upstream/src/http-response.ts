// The answer of one HTTP exchange: its head, and its body as far as somebody wants it.

import type { Readable } from 'node:stream';
import { stalled, tooLarge } from './failure.js';

/** Names in lower case. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** An answer whose head has arrived. Read `text()`, or read what you need of `chunks()`; then call `discard()`. */
export interface HttpResponse {
  readonly status: number;
  /** Without parameters, in lower case; empty if there is none. */
  readonly mediaType: string;
  header(name: string): string | undefined;
  /** The body as it arrives. */
  chunks(): AsyncIterable<Uint8Array>;
  /** The body as UTF-8. @throws UpstreamFailure beyond `bytesMax`, or when nothing arrives for `idleMs`. */
  text(limits: { readonly bytesMax: number; readonly idleMs: number }): Promise<string>;
  /** Done with it: reads a short rest, so that the connection can be used again, else closes it. */
  discard(): void;
}

const DISCARD_BYTES_MAX = 64 * 1024;
const DISCARD_MS = 1_000;

/** The answer whose body arrives in `body`. */
export function httpResponse(status: number, headers: ResponseHeaders, body: Readable): HttpResponse {
  const contentType = headerOf(headers, 'content-type') ?? '';
  return {
    status,
    mediaType: (contentType.split(';', 1)[0] ?? '').trim().toLowerCase(),
    header: (name) => headerOf(headers, name),
    chunks: () => chunksOf(body),
    async text({ bytesMax, idleMs }) {
      const idle = setTimeout(() => body.destroy(stalled(idleMs)), idleMs);
      try {
        return (await collect(body, bytesMax, () => idle.refresh())).toString('utf8');
      } finally {
        clearTimeout(idle);
        discard(body);
      }
    },
    discard: () => discard(body),
  };
}

/** The values of a header, joined. */
export function headerOf(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

async function collect(body: Readable, bytesMax: number, onChunk: () => void): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(body)) {
    onChunk();
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(`more than ${bytesMax} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/** Leaving the loop early leaves the body open: `discard` decides whether the connection can be kept. */
function chunksOf(body: Readable): AsyncIterable<Uint8Array> {
  return body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
}

function discard(body: Readable): void {
  if (body.closed) return;
  let left = DISCARD_BYTES_MAX;
  const timer = setTimeout(() => body.destroy(), DISCARD_MS).unref();
  body.on('close', () => clearTimeout(timer));
  body.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) body.destroy();
  });
  body.resume();
}
