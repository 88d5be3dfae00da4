// The headers that authenticate us at an MCP server: our JWT, and secrets that its owner names.

import type { ServerTerms } from '@flow-mcp/contracts';
import type { Secrets } from './secrets.js';

/** How a server is authenticated to, in words that go into the digest of a hold. */
export function authenticationLabel({ authentication }: ServerTerms): string {
  const secrets = authentication.headers.map(({ name }) => name.toLowerCase());
  return [...(authentication.plural ? ['jwt'] : []), ...secrets].join('+').slice(0, 64) || 'none';
}

/** The headers for one call. @throws RefusedError when a secret is missing or not meant for this server's origin */
export async function authenticationHeaders(
  terms: ServerTerms,
  secrets: Secrets,
  mint: () => Promise<string>,
): Promise<Record<string, string>> {
  const { plural, headers } = terms.authentication;
  const given = await Promise.all(
    headers.map(
      async ({ name, secretRef }) => [name, await secrets.read(secretRef, new URL(terms.url).origin)] as const,
    ),
  );
  return { ...Object.fromEntries(given), ...(plural ? { Authorization: `Bearer ${await mint()}` } : {}) };
}
