// rpc `executor.discover`: asks a server for its tools, as `flow-mcp` itself, with its keys and secrets.

import { discoverRpc, type RpcAnswer, type RpcQuestion } from '@flow-mcp/contracts';
import { mintServiceToken, type KeyRing } from '@flow-mcp/identity';
import { RetryableError } from '@flow-mcp/kernel';
import type { Discovery, Upstream } from '@flow-mcp/upstream';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { authenticationHeaders } from './authentication.js';
import { SYSTEM_CLOCK } from './clock.js';
import { RegistryCopy, type RegisteredServer } from './registry-copy.js';
import { Secrets } from './secrets.js';
import { CALL_KEYS, STOPPING, UPSTREAM } from './tokens.js';

const DISCOVERY_MS_MAX = 15_000;

/** What `DiscoverController` works with. */
export interface DiscoveryKeys {
  readonly ring: KeyRing<'call-signing'>;
  /** `iss` of our JWTs. */
  readonly issuer: string;
}

/** Authorised by the NATS permission on its subject: the registry alone. */
@Controller()
export class DiscoverController {
  readonly #upstream: Upstream;
  readonly #registry: RegistryCopy;
  readonly #keys: DiscoveryKeys;
  readonly #secrets: Secrets;
  readonly #stopping: AbortSignal;

  constructor(
    @Inject(UPSTREAM) upstream: Upstream,
    @Inject(RegistryCopy) registry: RegistryCopy,
    @Inject(CALL_KEYS) keys: DiscoveryKeys,
    @Inject(Secrets) secrets: Secrets,
    // eslint-disable-next-line max-params -- Nest injects by position
    @Inject(STOPPING) stopping: AbortSignal,
  ) {
    this.#upstream = upstream;
    this.#registry = registry;
    this.#keys = keys;
    this.#secrets = secrets;
    this.#stopping = stopping;
  }

  @MessagePattern(discoverRpc.subject)
  async discover({ server, generation }: RpcQuestion<typeof discoverRpc>): Promise<RpcAnswer<typeof discoverRpc>> {
    const registered = this.#registry.server(server);
    if (registered === undefined || registered.generation < generation) {
      throw new RetryableError(
        'ERR_SERVICE_UNAVAILABLE',
        'This executor has not read that generation of the server yet.',
        { retryAfterMs: 200 },
      );
    }
    return answerOf(await this.#ask(registered));
  }

  #ask(registered: RegisteredServer): Promise<Discovery> {
    const { terms, generation } = registered;
    const timeoutMs = Math.min(DISCOVERY_MS_MAX, terms.limits.timeoutMs);
    return this.#upstream.discover({
      server: { name: terms.name, generation, url: terms.url, protocol: terms.protocol },
      authorize: () => authenticationHeaders(terms, this.#secrets, () => this.#mint(registered, timeoutMs)),
      timeoutMs,
      signal: this.#stopping,
    });
  }

  #mint({ terms }: RegisteredServer, timeoutMs: number): Promise<string> {
    const nowMs = SYSTEM_CLOCK.wallMs();
    const { ring, issuer } = this.#keys;
    const { audience } = terms.authentication;
    return mintServiceToken(ring, {
      issuer,
      audience,
      server: terms.name,
      groups: terms.discoveryGroups,
      nowMs,
      expiresAtMs: nowMs + timeoutMs,
    });
  }
}

function answerOf(discovery: Discovery): RpcAnswer<typeof discoverRpc> {
  const checkedAtMs = SYSTEM_CLOCK.wallMs();
  if (discovery.health.state === 'unreachable') {
    const { reason, message } = discovery.health;
    return { health: { reason, message: message.slice(0, 1000), checkedAtMs }, tools: [] };
  }
  const { tools, ignored, protocol } = discovery as Extract<Discovery, { tools: unknown }>;
  const message = [`${tools.length} tools over ${protocol}.`, ...ignored].join(' ').slice(0, 1000);
  return { health: { reason: 'ok', message, checkedAtMs, protocol }, tools: [...tools] };
}
