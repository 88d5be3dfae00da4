// rpc `executor.discover`: asks a server for its tools, as `flow-mcp` itself, with its keys and secrets.

import { discoverRpc, type RpcAnswer, type RpcQuestion } from '@flow-mcp/contracts';
import { RetryableError } from '@flow-mcp/kernel';
import type { Discovery, Upstream } from '@flow-mcp/upstream';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Credentials } from './credentials.js';
import { RegistryCopy, type RegisteredServer } from './registry-copy.js';
import { DRAINING, UPSTREAM } from './tokens.js';

const DISCOVERY_MS_MAX = 15_000;

/** Authorised by the NATS permission on its subject: the registry alone. */
@Controller()
export class DiscoverController {
  readonly #upstream: Upstream;
  readonly #registry: RegistryCopy;
  readonly #credentials: Credentials;
  readonly #draining: AbortSignal;

  constructor(
    @Inject(UPSTREAM) upstream: Upstream,
    @Inject(RegistryCopy) registry: RegistryCopy,
    @Inject(Credentials) credentials: Credentials,
    @Inject(DRAINING) draining: AbortSignal,
  ) {
    this.#upstream = upstream;
    this.#registry = registry;
    this.#credentials = credentials;
    this.#draining = draining;
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

  #ask({ terms, generation }: RegisteredServer): Promise<Discovery> {
    const timeoutMs = Math.min(DISCOVERY_MS_MAX, terms.limits.timeoutMs);
    return this.#upstream.discover({
      server: { name: terms.name, generation, url: terms.url, protocol: terms.protocol },
      authorize: () => this.#credentials.forService(terms, timeoutMs),
      timeoutMs,
      signal: this.#draining,
    });
  }
}

function answerOf(discovery: Discovery): RpcAnswer<typeof discoverRpc> {
  const checkedAtMs = Date.now();
  if (discovery.health.state === 'unreachable') {
    const { reason, message } = discovery.health;
    return { health: { reason, message: message.slice(0, 1000).toWellFormed(), checkedAtMs }, tools: [] };
  }
  const { tools, ignored, protocol } = discovery as Extract<Discovery, { tools: unknown }>;
  const message = [`${tools.length} tools over ${protocol}.`, ...ignored].join(' ').slice(0, 1000).toWellFormed();
  return { health: { reason: 'ok', message, checkedAtMs, protocol }, tools: [...tools] };
}
