// Verifies the JWT that Flow MCP sends with every request. This is the file to copy.
//
// 1. Every request is verified, those of an open session too: knowing a session id proves nothing.
// 2. Algorithm, issuer and audience are pinned. The audience is this server's own URL, so a token that was made for
//    another server is refused here, and one made for this server is of no use anywhere else.
// 3. A token is good for the one tool that Flow MCP decided about, so a stolen one cannot be used for another.
// 4. Listing tools needs a valid token, calling one needs the group: Flow MCP lists tools as itself (`sub: flow-mcp`,
//    no groups) and calls them as the person.
import { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { type Access } from './config.js';

/** The person for whom a request is made. */
export interface Caller {
  readonly sub: string;
  readonly groups: readonly string[];
  /** The token's `jti`: the call id and the attempt. */
  readonly callId: string;
  /** The only tool that the token is good for; none when Flow MCP lists the tools. */
  readonly tool: string | undefined;
}

export interface AuthenticatedRequest extends Request {
  caller?: Caller;
}

/** Answers 401 without a valid token and 403 to a tool call of somebody outside the group; else sets `req.caller`. */
export function requireCaller(access: Access): RequestHandler {
  const verify = callerVerifier(access);
  return async (req: AuthenticatedRequest, res: Response, next: NextFunction) => {
    try {
      req.caller = await verify(req.headers.authorization);
    } catch (error) {
      return isOutage(error) ? refuse(res, 503, 'keys_unavailable') : refuse(res, 401, challenge(req));
    }
    const objection = objectionTo(calledTools(req.body), req.caller, access);
    return objection === undefined ? next() : refuse(res, 403, 'insufficient_scope', objection);
  };
}

interface FlowMcpClaims {
  readonly groups?: string[];
  readonly flow_mcp?: { readonly tool?: string };
}

/** Ten lines of jose: the whole verification. */
function callerVerifier({ jwksUrl, issuer, audience }: Access): (authorization?: string) => Promise<Caller> {
  const keys = createRemoteJWKSet(jwksUrl); // fetched once, cached, fetched again when a new `kid` appears
  const pinned = { algorithms: ['ES256'], issuer, audience, requiredClaims: ['sub', 'exp', 'jti'] };
  return async (authorization = '') => {
    const token = /^Bearer (\S+)$/i.exec(authorization)?.[1] ?? '';
    const { payload } = await jwtVerify<FlowMcpClaims>(token, keys, pinned);
    const { sub = '', jti = '', groups = [], flow_mcp } = payload;
    return { sub, callId: jti, groups, tool: flow_mcp?.tool };
  };
}

/** The key set could not be read: the token may be good, so the caller should try again, not sign in again. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return ['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'].includes(error.code);
}

function objectionTo(tools: readonly unknown[], caller: Caller, { readGroup }: Access): string | undefined {
  if (tools.some((tool) => tool !== caller.tool)) return 'The token was made for another tool.';
  if (tools.length > 0 && !caller.groups.includes(readGroup)) return `Calling tools needs the group ${readGroup}.`;
  return undefined;
}

/** The names of the tools that a request calls; until 2025-03-26 a request could be a batch. */
function calledTools(body: unknown): unknown[] {
  const messages = [body].flat() as ({ method?: unknown; params?: { name?: unknown } } | undefined)[];
  return messages.filter((message) => message?.method === 'tools/call').map((message) => message?.params?.name);
}

/** RFC 6750 §3.1: no error code when the request carried no token at all. */
function challenge(req: Request): string | undefined {
  return req.headers.authorization === undefined ? undefined : 'invalid_token';
}

function refuse(res: Response, status: number, error?: string, description = DESCRIPTIONS[error ?? '']): void {
  const parameters = [error && `error="${error}"`, description && `error_description="${description}"`];
  if (status !== 503) {
    res.set('WWW-Authenticate', ['Bearer realm="payments"', ...parameters.filter(Boolean)].join(', '));
  }
  res.status(status).json({ error: error ?? 'missing_token', error_description: description });
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  '': 'Send a Flow MCP token as Authorization: Bearer.',
  invalid_token: 'The token is expired, or was not made by our issuer for this server.',
  keys_unavailable: 'The key set of the issuer could not be read; try again.',
};
