// The public keys, over HTTP. Call-signing keys stand alone, so that no other key of ours can mint people.

import { Controller, Get, Header, Inject } from '@nestjs/common';
import type { PublicJwks } from '@flow-mcp/identity';

/** Reads the published keys. */
export interface PublishedKeys {
  /** Verifies JWTs at MCP servers; the active one first. */
  readonly callSigning: () => Promise<PublicJwks>;
  /** Verifies receipts. */
  readonly receipts: () => Promise<PublicJwks>;
}

/** Injection token of `PublishedKeys`. */
export const PUBLISHED_KEYS = Symbol('PUBLISHED_KEYS');

const CACHE = 'public, max-age=300';

/** Public: keys are there to be read by anybody. */
@Controller()
export class KeysController {
  readonly #keys: PublishedKeys;

  constructor(@Inject(PUBLISHED_KEYS) keys: PublishedKeys) {
    this.#keys = keys;
  }

  @Get(['.well-known/jwks.json', 'mcp/.well-known/jwks.json'])
  @Header('Cache-Control', CACHE)
  callSigning(): Promise<PublicJwks> {
    return this.#keys.callSigning();
  }

  @Get('.well-known/flow-mcp-keys.json')
  @Header('Cache-Control', CACHE)
  receipts(): Promise<PublicJwks> {
    return this.#keys.receipts();
  }
}
