// What handlers use must outlive them: it is released once Nest has drained everything.

import type { OnApplicationShutdown } from '@nestjs/common';

/** Runs the given releases when the application has shut down. */
export class Shutdown implements OnApplicationShutdown {
  readonly #release: () => Promise<void>;

  constructor(release: () => Promise<void>) {
    this.#release = release;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#release();
  }
}
