// Where an answer's content lies: in `settled` up to 256 KiB, beyond that in the object store, named by call and attempt.
// There as well what no reader of facts takes, such as an integer beyond 2^53: it must not make `settled` unreadable.

import { createHash } from 'node:crypto';
import { LIMITS, type Settled } from '@flow-mcp/contracts';
import { JSON_DEPTH_MAX, RefusedError, describeError, parseStrictJson, type JsonObject } from '@flow-mcp/kernel';
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
/** Leaves room for what facts and rpc answers wrap around it. */
const INLINE_DEPTH_MAX = JSON_DEPTH_MAX - 8;

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
    const text = JSON.stringify(result);
    const bytes = Buffer.from(text);
    if (bytes.byteLength <= LIMITS.inlineResultBytes && isReadable(text)) return { result };
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
  const text = data === undefined ? undefined : JSON.stringify(data);
  const fits = text !== undefined && text.length <= ERROR_DATA_BYTES_MAX && isReadable(text);
  return { code, message: message.slice(0, ERROR_MESSAGE_MAX).toWellFormed(), ...(fits ? { data } : {}) };
}

/** Whether readers of facts take it. */
function isReadable(text: string): boolean {
  try {
    parseStrictJson(text, INLINE_DEPTH_MAX);
    return true;
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}
