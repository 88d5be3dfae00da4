// Who asks: `--as` at the development issuer, else the token of the environment.

import type { GetToken } from '@flow-mcp/client';
import { signInDevelopment } from '@flow-mcp/identity';
import { RefusedError } from '@flow-mcp/kernel';
import type { Settings } from './settings.js';

/** Development tokens are good for an hour. */
const KEEP_MS = 30 * 60_000;

/** What signing in needs. */
export interface SignInContext {
  readonly env: NodeJS.ProcessEnv;
  readonly settings: Settings;
  readonly readFile: (path: string) => Promise<string>;
}

/** The source of tokens for a person. @throws RefusedError `ERR_CONFIG_INVALID` when nobody is named */
export function tokenSource(person: string | undefined, { env, settings, readFile }: SignInContext): GetToken {
  const { FLOWMCP_TOKEN: token, FLOWMCP_TOKEN_FILE: file } = env;
  if (person !== undefined) return developmentTokens(person, settings.issuer);
  if (token !== undefined) return async () => token.trim();
  if (file !== undefined) return async () => (await readFile(file)).trim();
  const message = 'Nobody is signed in: name a person with --as, or set FLOWMCP_TOKEN or FLOWMCP_TOKEN_FILE.';
  throw new RefusedError('ERR_CONFIG_INVALID', message);
}

function developmentTokens(person: string, issuer: string | undefined): GetToken {
  if (issuer === undefined) {
    const message = '--as needs the development issuer: run `npm start`, or set FLOWMCP_ISSUER.';
    throw new RefusedError('ERR_CONFIG_INVALID', message);
  }
  let kept: Promise<string> | undefined;
  let keptUntilMs = 0;
  return () => {
    if (kept === undefined || performance.now() >= keptUntilMs) {
      kept = signInDevelopment(issuer, person);
      keptUntilMs = performance.now() + KEEP_MS;
    }
    return kept;
  };
}
