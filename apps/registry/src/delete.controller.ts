// rpc `registry.delete`: a resource goes; its history and its audit stay.

import { deleteRpc, type RpcAnswer, type RpcQuestion } from '@flow-mcp/contracts';
import type { PersonVerifier } from '@flow-mcp/identity';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { answerOf } from './changes.js';
import { Discovery } from './discovery.js';
import { Planner } from './plan.js';
import { PEOPLE } from './tokens.js';
import { RegistryWriter } from './write.js';

/** Authorised by the person's token and write on the resource. */
@Controller()
export class DeleteController {
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

  @MessagePattern<string>(deleteRpc.subject)
  async delete(question: RpcQuestion<typeof deleteRpc>): Promise<RpcAnswer<typeof deleteRpc>> {
    const { token, kind, name, dryRun = false, expectedGeneration } = question;
    const person = await this.#people.verify(token);
    const change = this.#planner.delete(person, { kind, name }, expectedGeneration);
    if (dryRun) return answerOf([change]);
    await this.#writer.write([change], person);
    if (kind === 'MCPServer') await this.#discovery.remove(name);
    return answerOf([change]);
  }
}
