// rpc `executor.result`: a large result in pieces, to whoever made the call.

import { LIMITS, callSubject, resultRpc, type Actor, type RpcAnswer, type RpcQuestion } from '@flow-mcp/contracts';
import type { PersonVerifier } from '@flow-mcp/identity';
import { RefusedError, type CallId, type Name } from '@flow-mcp/kernel';
import { mayReadFlow, samePerson } from '@flow-mcp/policy';
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { CallLog } from './call-log.js';
import { RegistryCopy } from './registry-copy.js';
import type { ResultRef } from './results.js';
import { OBJECTS, PEOPLE } from './tokens.js';

/** Reads pieces of objects. */
export interface ObjectPieces {
  readPiece(name: string, offset: number, bytes: number): Promise<Uint8Array | undefined>;
}

/** Authorised by the person's token: the person who made the call, as long as the Flow may be read. */
@Controller()
export class ResultController {
  readonly #people: PersonVerifier;
  readonly #log: CallLog;
  readonly #objects: ObjectPieces;
  readonly #registry: RegistryCopy;

  constructor(
    @Inject(PEOPLE) people: PersonVerifier,
    @Inject(CallLog) log: CallLog,
    @Inject(OBJECTS) objects: ObjectPieces,
    @Inject(RegistryCopy) registry: RegistryCopy,
  ) {
    this.#people = people;
    this.#log = log;
    this.#objects = objects;
    this.#registry = registry;
  }

  @MessagePattern(resultRpc.subject)
  async read({ token, flow, callId, offset }: RpcQuestion<typeof resultRpc>): Promise<RpcAnswer<typeof resultRpc>> {
    const person = await this.#people.verify(token);
    const ref = await this.#reference(person, flow, callId);
    const piece = await this.#objects.readPiece(ref.object, offset, LIMITS.resultPieceBytes);
    if (piece === undefined)
      throw new RefusedError('ERR_RESULT_LOST', 'The result is not kept any more; its digest is in the outcome.');
    const nextOffset = offset + piece.byteLength;
    const { bytes, sha256 } = ref;
    return {
      base64: Buffer.from(piece).toString('base64'),
      bytes,
      sha256,
      ...(nextOffset < bytes ? { nextOffset } : {}),
    };
  }

  async #reference(person: Actor, flow: Name, callId: CallId): Promise<ResultRef> {
    const call = { subject: callSubject(flow, callId, 'settled') };
    const [verdict, settled] = await Promise.all([this.#log.read(call, 'verdict'), this.#log.read(call, 'settled')]);
    const registered = this.#registry.flow(flow);
    const mayRead = registered !== undefined && mayReadFlow(person, registered).allowed;
    const isOwn = verdict?.actor !== undefined && samePerson(person, verdict.actor);
    if (!mayRead || !isOwn || settled?.resultRef === undefined) {
      throw new RefusedError('ERR_NOT_FOUND', 'There is no large result of that call for you.');
    }
    return settled.resultRef;
  }
}
