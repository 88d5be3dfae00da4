// The keys that this service signs and verifies with.

import {
  assertIssuersDiffer,
  createPassAuthority,
  loadPassKeys,
  openKeyRing,
  openPublicKeys,
  type KeyRing,
  type PassAuthority,
  type PublicJwks,
} from '@flow-mcp/identity';
import type { ExecutorConfig } from './config.js';

/** See the file's header. */
export interface Proofs {
  /** Signs the JWTs for MCP servers. */
  readonly ring: KeyRing<'call-signing'>;
  readonly passes: PassAuthority;
  /** Verifies decisions. */
  readonly receiptKeys: () => Promise<PublicJwks>;
}

/** @throws RefusedError `ERR_CONFIG_INVALID` when a key file is missing or holds keys for another use */
export async function openProofs(config: ExecutorConfig): Promise<Proofs> {
  assertIssuersDiffer(config.issuer, config.outboundIssuer);
  const [ring, receiptKeys, passKeys] = await Promise.all([
    openKeyRing(config.callKeysFile, 'call-signing'),
    openPublicKeys(config.receiptKeysFile, 'receipt'),
    loadPassKeys(config.passKeysFile),
  ]);
  return { ring, passes: createPassAuthority(passKeys), receiptKeys: () => receiptKeys.read() };
}
