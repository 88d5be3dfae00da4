// The OpenID provider itself: `oidc-provider` with everything that a real one would do, and one door that none may have.
//
//   D1. It says in its metadata that it is the development issuer, so that services refuse it off loopback.
//   D2. Access tokens are JWTs (RFC 9068) for the audience `flow-mcp`, with e-mail, name and groups, good for an hour.
//   D3. The grant `urn:flow-mcp:dev` signs in whomever the request names; there are no passwords anywhere.

import { DEVELOPMENT_CLIENT, DEVELOPMENT_GRANT, DEVELOPMENT_MARKER } from '@flow-mcp/identity';
import {
  errors,
  Provider,
  type Configuration,
  type KoaContextWithOIDC,
  type ResourceServer,
  type TokenEndpointGrantContext,
} from 'oidc-provider';
import { createMemoryStore } from './memory-store.js';
import type { People, Person } from './people.js';
import type { State } from './state.js';

const RESOURCE = 'urn:flow-mcp';
const RESOURCE_SERVER: ResourceServer = {
  scope: 'flow-mcp',
  audience: 'flow-mcp',
  accessTokenFormat: 'jwt',
  accessTokenTTL: 3_600,
  jwt: { sign: { alg: 'ES256' } },
};
const SCOPES = 'openid email profile groups offline_access';

/** A provider for these people; `issuer` is the url that it is reached by. */
export function createProvider(issuer: string, people: People, state: State): Provider {
  const provider = new Provider(issuer, configurationOf(people, state));
  provider.registerGrantType<{ person?: string }>(
    DEVELOPMENT_GRANT,
    async (ctx) => {
      const person = people.get(ctx.oidc.params.person ?? '');
      if (person === undefined) {
        throw new errors.CustomOIDCProviderError('invalid_grant', 'no such person; see the people file');
      }
      ctx.body = await issueToken(provider, ctx, person);
    },
    ['person'],
  );
  return provider;
}

/** D3. */
async function issueToken(provider: Provider, { oidc }: TokenEndpointGrantContext, { sub }: Person) {
  const grant = new provider.Grant({ accountId: sub, clientId: DEVELOPMENT_CLIENT });
  grant.addResourceScope(RESOURCE, RESOURCE_SERVER.scope);
  const token = new provider.AccessToken({
    accountId: sub,
    client: oidc.client,
    grantId: await grant.save(),
    gty: DEVELOPMENT_GRANT,
    scope: RESOURCE_SERVER.scope,
  });
  token.resourceServer = new provider.ResourceServer(RESOURCE, RESOURCE_SERVER);
  return { access_token: await token.save(), token_type: token.tokenType, expires_in: token.expiration };
}

function configurationOf(people: People, { jwk, cookieKey }: State): Configuration {
  return {
    adapter: createMemoryStore(),
    clients: [
      {
        client_id: DEVELOPMENT_CLIENT,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token', DEVELOPMENT_GRANT],
        // Any port, as native clients may (RFC 8252 §7.3).
        redirect_uris: ['http://127.0.0.1/callback'],
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [{ ...jwk, alg: 'ES256', use: 'sig' }] },
    cookies: { keys: [cookieKey] },
    discovery: { [DEVELOPMENT_MARKER]: true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    scopes: SCOPES.split(' '),
    conformIdTokenClaims: false,
    findAccount: (_ctx, sub) => {
      const person = people.get(sub);
      return person && { accountId: sub, claims: () => ({ ...person, email_verified: true }) };
    },
    extraTokenClaims: (_ctx, token) => claimsOf(people.get('accountId' in token ? (token.accountId ?? '') : '')),
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
    loadExistingGrant: grantEverything,
    clientBasedCORS: () => false,
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => RESOURCE_SERVER,
      },
    },
    ttl: {
      AccessToken: 3_600,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 3_600,
      Interaction: 600,
      Session: 86_400,
    },
  };
}

function claimsOf(person: Person | undefined) {
  return person && { email: person.email, name: person.name, groups: person.groups };
}

/** There is one client and it is ours: nobody is asked for consent. */
async function grantEverything({ oidc }: KoaContextWithOIDC) {
  const grant = new oidc.provider.Grant({
    accountId: oidc.session?.accountId,
    clientId: oidc.client?.clientId,
  });
  grant.addOIDCScope(SCOPES);
  grant.addResourceScope(RESOURCE, RESOURCE_SERVER.scope);
  await grant.save();
  return grant;
}
