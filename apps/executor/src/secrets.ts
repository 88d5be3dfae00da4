// Header values by reference: `<secretsDir>/<name>.json` holds `{ "value": …, "origins": ["https://…"] }`.
// A secret names the origins that it may be sent to, so that no server's owner can aim another's secret at his own url.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RefusedError } from '@flow-mcp/kernel';
import { z } from 'zod';

const secretFile = z.strictObject({
  value: z
    .string()
    .min(1)
    .max(8192)
    .regex(/^[\t\x20-\x7e]+$/),
  origins: z.array(z.string()).min(1).max(64),
});

/** Reads secrets afresh for every use, so that they rotate without a restart. */
export class Secrets {
  readonly #dir: string | undefined;

  constructor(dir: string | undefined) {
    this.#dir = dir;
  }

  /** @param name a DNS label @throws RefusedError `ERR_NOT_PERMITTED`, the same whether it is missing or meant for another */
  async read(name: string, origin: string): Promise<string> {
    const secret = await this.#load(name);
    if (secret?.origins.includes(origin) === true) return secret.value;
    throw new RefusedError(
      'ERR_NOT_PERMITTED',
      `There is no secret ${name} for ${origin}; ask an administrator to provide it for that origin.`,
    );
  }

  async #load(name: string): Promise<z.output<typeof secretFile> | undefined> {
    if (this.#dir === undefined) return undefined;
    try {
      return secretFile.parse(JSON.parse(await readFile(join(this.#dir, `${name}.json`), 'utf8')));
    } catch {
      return undefined; // The caller's message covers every reason; the file's content must not reach an error.
    }
  }
}
