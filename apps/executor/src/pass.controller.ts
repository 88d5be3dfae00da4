// rpc `executor.pass`: a verified token against a pass to one Flow.

import { passRpc, type RpcAnswer, type RpcQuestion } from '@flow-mcp/contracts';
import type { PassAuthority, PersonVerifier } from '@flow-mcp/identity';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import type { Clock } from './clock.js';
import { CLOCK, PASSES, PEOPLE } from './tokens.js';

/** Authorised by the person's token. A pass opens nothing by itself: every call is decided when it is made. */
@Controller()
export class PassController {
  readonly #people: PersonVerifier;
  readonly #passes: PassAuthority;
  readonly #clock: Clock;

  constructor(
    @Inject(PEOPLE) people: PersonVerifier,
    @Inject(PASSES) passes: PassAuthority,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.#people = people;
    this.#passes = passes;
    this.#clock = clock;
  }

  @MessagePattern(passRpc.subject)
  async issue({ token, flow }: RpcQuestion<typeof passRpc>): Promise<RpcAnswer<typeof passRpc>> {
    const person = await this.#people.verify(token);
    return { ...this.#passes.issue(person, flow, this.#clock.brokerMs()), person };
  }
}
