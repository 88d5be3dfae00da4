// The development issuer, seen from its users: it signs in anybody by name, so that scripts and tours need no browser.

import { RefusedError, RetryableError } from '@flow-mcp/kernel';

/** Member of its discovery document by which services know it and refuse it off loopback. */
export const DEVELOPMENT_MARKER = 'flow_mcp_development';

/** Its grant type at the token endpoint: `person=<sub>`, no password. */
export const DEVELOPMENT_GRANT = 'urn:flow-mcp:dev';

/** Its one client, public. */
export const DEVELOPMENT_CLIENT = 'flow-mcp-development';

/**
 * Signs a person in at the development issuer.
 * @param issuer its url; the token endpoint is `/token` below it.
 * @param person the `sub`, for example `alice`.
 * @returns an access token (JWT) for the audience `flow-mcp`, good for an hour.
 * @throws RefusedError `ERR_NOT_FOUND` for a person it does not know; RetryableError when it is not there
 */
export async function signInDevelopment(issuer: string, person: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: DEVELOPMENT_GRANT, client_id: DEVELOPMENT_CLIENT, person });
  const { access_token, error } = await post(`${issuer}/token`, body);
  if (access_token !== undefined) return access_token;
  if (error === 'invalid_grant') {
    throw new RefusedError('ERR_NOT_FOUND', `The development issuer knows no ${person}; add them to its people file.`);
  }
  throw new RetryableError('ERR_SERVICE_UNAVAILABLE', `There is no development issuer at ${issuer}; start it.`);
}

/** RFC 6749 §5.1 and §5.2; empty when the answer is neither. */
interface TokenAnswer {
  readonly access_token?: string;
  readonly error?: string;
}

async function post(url: string, body: URLSearchParams): Promise<TokenAnswer> {
  try {
    const response = await fetch(url, { method: 'POST', body, redirect: 'error' });
    return (await response.json()) as TokenAnswer;
  } catch (cause) {
    throw new RetryableError('ERR_SERVICE_UNAVAILABLE', `No development issuer answers at ${url}; start it.`, {
      cause,
    });
  }
}
