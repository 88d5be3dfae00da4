export {
  callTokenId,
  mintCallToken,
  mintServiceToken,
  type CallTokenTerms,
  type ServiceTokenTerms,
} from './call-tokens.js';
export { DEVELOPMENT_CLIENT, DEVELOPMENT_GRANT, DEVELOPMENT_MARKER, signInDevelopment } from './development.js';
export { argumentsSha256, holdDigest, toolDefinitionSha256, type HoldContent } from './digests.js';
export { assertIssuersDiffer } from './issuer.js';
export { KEY_FILES, activateKey, addNextKey, generateKeys, loadPassKeys } from './key-files.js';
export { openKeyRing, openPublicKeys, type KeyRing } from './key-ring.js';
export { type KeyUse, type PublicJwk, type PublicJwks } from './keys.js';
export { isLoopback } from './loopback.js';
export {
  createPassAuthority,
  type IssuedPass,
  type PassAuthority,
  type PassKey,
  type SignedRequest,
  type SignedVote,
} from './passes.js';
export { createPersonVerifier, type PersonVerifier, type PersonVerifierOptions } from './person-verifier.js';
export { signReceipt, verifyReceipt, type Decision } from './receipts.js';
export { signVote, signWithSecret, voterToken, type VoteContent } from './signing.js';
export { type WatchOptions, type WatchedFile } from './watched-file.js';
