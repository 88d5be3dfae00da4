// Where an answer's content lies: in `settled` up to 256 KiB, beyond that in the object store, named by call and attempt.

import { createHash } from 'node:crypto';
import { LIMITS, type Settled } from '@flow-mcp/contracts';
import { describeError, type JsonObject } from '@flow-mcp/kernel';
import type { Logger } from '@flow-mcp/service-host';
import type { CallAnswer, RpcError } from '@flow-mcp/upstream';

/** Where a large result lies. */
export type ResultRef = NonNullable<Settled['resultRef']>;

/** What is needed of the object store. */
export interface Objects {
  put(name: string, bytes: Uint8Array): Promise<unknown>;
}

type Content = Pick<Settled, 'result' | 'resultRef' | 'error' | 'code' | 'message'>;

const ERROR_MESSAGE_MAX = 4_000;
const ERROR_DATA_BYTES_MAX = 64 * 1024;

/** Places what MCP servers answer. */
export class Results {
  readonly #objects: Objects;
  readonly #logger: Logger;

  constructor(objects: Objects, logger: Logger) {
    this.#objects = objects;
    this.#logger = logger;
  }

  /** What `settled` says of an answer's content. A result that cannot be kept does not change that the tool ran. */
  async place(object: string, answer: CallAnswer): Promise<Content> {
    if (answer.kind === 'refused' && answer.rpcError !== undefined) return { error: bounded(answer.rpcError) };
    return answer.kind === 'answered' ? this.#placeResult(object, answer.result) : {};
  }

  async #placeResult(object: string, result: JsonObject): Promise<Content> {
    const bytes = Buffer.from(JSON.stringify(result));
    if (bytes.byteLength <= LIMITS.inlineResultBytes) return { result };
    const resultRef = { object, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength };
    try {
      await this.#objects.put(object, bytes);
      return { resultRef };
    } catch (error) {
      this.#logger.error({ object, reason: describeError(error) }, 'A large result could not be kept.');
      return { code: 'ERR_RESULT_LOST', message: 'The tool ran, but its result could not be kept.' };
    }
  }
}

function bounded({ code, message, data }: RpcError): NonNullable<Settled['error']> {
  const fits = data !== undefined && JSON.stringify(data).length <= ERROR_DATA_BYTES_MAX;
  return { code, message: message.slice(0, ERROR_MESSAGE_MAX), ...(fits ? { data } : {}) };
}
