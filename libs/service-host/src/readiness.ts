// Whether a service can do its work now, and if not, why.

import { describeError } from '@flow-mcp/kernel';

/** Says nothing when all is well, else one sentence on what is missing. */
export type ReadinessCheck = () => string | undefined | Promise<string | undefined>;

/** What `/readyz` answers. */
export interface ReadinessReport {
  readonly ready: boolean;
  /** `ok` or what is missing, by name of the check. */
  readonly checks: Readonly<Record<string, string>>;
}

/** A service's readiness checks. */
export class Readiness {
  private readonly checks = new Map<string, ReadinessCheck>();
  private draining = false;

  /** Adds a check; the service takes no work until all have passed once. */
  add(name: string, check: ReadinessCheck): void {
    this.checks.set(name, check);
  }

  /** From now on the service is not ready, whatever the checks say. */
  drain(): void {
    this.draining = true;
  }

  async report(): Promise<ReadinessReport> {
    const results = await Promise.all(
      [...this.checks].map(async ([name, check]) => [name, await outcome(check)] as const),
    );
    const checks = Object.fromEntries(this.draining ? [...results, ['drain', 'The service is stopping.']] : results);
    return { ready: Object.values(checks).every((text) => text === 'ok'), checks };
  }
}

async function outcome(check: ReadinessCheck): Promise<string> {
  try {
    return (await check()) ?? 'ok';
  } catch (error) {
    return describeError(error);
  }
}
