// rpc `registry.get`, `registry.list` and `registry.tools`: what a person may see, from this process's copy.

import {
  LIMITS,
  getRpc,
  listRpc,
  toolsRpc,
  type Flow,
  type MCPServer,
  type Registered,
  type RpcAnswer,
  type RpcQuestion,
} from '@flow-mcp/contracts';
import type { PersonVerifier } from '@flow-mcp/identity';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Discovery } from './discovery.js';
import { listTools } from './list-tools.js';
import { Offers } from './offers.js';
import { maySee, visible } from './permissions.js';
import { Registry } from './registry.js';
import { show, type ServerFacts } from './show.js';
import { PEOPLE } from './tokens.js';

const PAGE = 100;
const PAGE_BYTES_MAX = LIMITS.rpcBytes / 2;

/** Authorised by the person's token and read on the resource. */
@Controller()
export class ReadController {
  readonly #people: PersonVerifier;
  readonly #registry: Registry;
  readonly #facts: ServerFacts;

  constructor(
    @Inject(PEOPLE) people: PersonVerifier,
    @Inject(Registry) registry: Registry,
    @Inject(Offers) offers: Offers,
    @Inject(Discovery) discovery: Discovery,
  ) {
    this.#people = people;
    this.#registry = registry;
    this.#facts = { offers, healthOf: (server) => discovery.healthOf(server) };
  }

  @MessagePattern<string>(getRpc.subject)
  async get({ token, kind, name }: RpcQuestion<typeof getRpc>): Promise<RpcAnswer<typeof getRpc>> {
    const person = await this.#people.verify(token);
    return show(visible(person, kind, name, this.#registry), this.#facts);
  }

  @MessagePattern<string>(listRpc.subject)
  async list(question: RpcQuestion<typeof listRpc>): Promise<RpcAnswer<typeof listRpc>> {
    const { token, kind, after = '', limit = PAGE } = question;
    const person = await this.#people.verify(token);
    const entries = this.#registry.list(kind).filter(({ name, resource }) => name > after && maySee(person, resource));
    const items = pageOf(entries.slice(0, limit).map((entry) => show(entry, this.#facts)));
    const last = items.at(-1);
    return last === undefined || items.length === entries.length ? { items } : { items, next: last.name };
  }

  @MessagePattern<string>(toolsRpc.subject)
  async tools({ token, flow }: RpcQuestion<typeof toolsRpc>): Promise<RpcAnswer<typeof toolsRpc>> {
    const person = await this.#people.verify(token);
    const { resource } = visible(person, 'Flow', flow, this.#registry);
    const { offers, healthOf } = this.#facts;
    return listTools(person, resource as Flow, (name) => {
      const server = this.#registry.live('MCPServer', name)?.resource as MCPServer | undefined;
      return server && { resource: server, entry: offers.get(name), health: healthOf(name) };
    });
  }
}

/** As many as fit into an answer, at least one. */
function pageOf(items: readonly Registered[]): Registered[] {
  let bytes = 0;
  const fitting = items.findIndex((item) => (bytes += Buffer.byteLength(JSON.stringify(item))) > PAGE_BYTES_MAX);
  return items.slice(0, fitting < 0 ? items.length : Math.max(1, fitting));
}
