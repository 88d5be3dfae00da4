// What handlers use must outlive them: it is released once Nest has drained everything.

import type { OnApplicationShutdown } from '@nestjs/common';

/** Runs the given release when the application has shut down. */
export class Shutdown implements OnApplicationShutdown {
  readonly #release: () => void;

  constructor(release: () => void) {
    this.#release = release;
  }

  onApplicationShutdown(): void {
    this.#release();
  }
}
