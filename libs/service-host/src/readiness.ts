// Whether a service can do its work now, and if not, why.

import { RefusedError, describeError } from '@flow-mcp/kernel';

/**
 * Says nothing when all is well, else one sentence on what is missing.
 * A `RefusedError` that it throws cannot be waited out: a service that is starting gives up.
 */
export type ReadinessCheck = () => string | undefined | Promise<string | undefined>;

/** What `/readyz` answers. */
export interface ReadinessReport {
  readonly ready: boolean;
  /** `ok` or what is missing, by name of the check. */
  readonly checks: Readonly<Record<string, string>>;
}

interface Outcome {
  readonly text: string;
  readonly refusal?: RefusedError;
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
    return this.reportOf(await this.outcomes());
  }

  /** As `report`. @throws RefusedError what a check threw that no waiting will mend */
  async reportOrRefuse(): Promise<ReadinessReport> {
    const outcomes = await this.outcomes();
    for (const [, { refusal }] of outcomes) if (refusal !== undefined) throw refusal;
    return this.reportOf(outcomes);
  }

  private reportOf(outcomes: readonly (readonly [string, Outcome])[]): ReadinessReport {
    const checks = Object.fromEntries(outcomes.map(([name, { text }]) => [name, text]));
    if (this.draining) checks.drain = 'The service is stopping.';
    return { ready: Object.values(checks).every((text) => text === 'ok'), checks };
  }

  private outcomes(): Promise<(readonly [string, Outcome])[]> {
    return Promise.all([...this.checks].map(async ([name, check]) => [name, await outcome(check)] as const));
  }
}

async function outcome(check: ReadinessCheck): Promise<Outcome> {
  try {
    return { text: (await check()) ?? 'ok' };
  } catch (error) {
    return { text: describeError(error), ...(error instanceof RefusedError ? { refusal: error } : {}) };
  }
}
