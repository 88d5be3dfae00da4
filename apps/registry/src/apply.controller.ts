// rpc `registry.apply`: creates or changes resources; all of a manifest or nothing.

import { applyRpc, type RpcAnswer, type RpcQuestion } from '@flow-mcp/contracts';
import type { PersonVerifier } from '@flow-mcp/identity';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { answerOf } from './changes.js';
import { Discovery } from './discovery.js';
import { readManifest } from './manifest.js';
import { Planner } from './plan.js';
import { PEOPLE } from './tokens.js';
import { RegistryWriter } from './write.js';

/** Authorised by the person's token and, for each resource, by `checkMayApply`, `checkMayBind` and `checkAudience`. */
@Controller()
export class ApplyController {
  readonly #people: PersonVerifier;
  readonly #planner: Planner;
  readonly #writer: RegistryWriter;
  readonly #discovery: Discovery;

  constructor(
    @Inject(PEOPLE) people: PersonVerifier,
    @Inject(Planner) planner: Planner,
    @Inject(RegistryWriter) writer: RegistryWriter,
    @Inject(Discovery) discovery: Discovery,
  ) {
    this.#people = people;
    this.#planner = planner;
    this.#writer = writer;
    this.#discovery = discovery;
  }

  @MessagePattern<string>(applyRpc.subject)
  async apply(question: RpcQuestion<typeof applyRpc>): Promise<RpcAnswer<typeof applyRpc>> {
    const { token, manifest, dryRun = false, expectedGeneration } = question;
    const person = await this.#people.verify(token);
    const changes = this.#planner.apply(person, readManifest(manifest), expectedGeneration);
    if (dryRun) return answerOf(changes);
    await this.#writer.write(changes, person);
    for (const { action, resource } of changes) {
      if (resource.kind === 'MCPServer' && action !== 'unchanged') this.#discovery.askNow(resource.metadata.name);
    }
    return answerOf(changes);
  }
}
