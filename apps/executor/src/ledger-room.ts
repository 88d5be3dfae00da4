// Whether the ledger has room for another call. Beyond 80 % new calls are refused, so that running ones can settle.

import { RefusedError, describeError } from '@flow-mcp/kernel';
import type { Ledger } from '@flow-mcp/messaging';
import type { Logger } from '@flow-mcp/service-host';

const FULL_AT = 0.8;
const LOOK_EVERY_MS = 2_000;

/** The ledger's fill, looked up every two seconds. */
export class LedgerRoom {
  #share = 0;

  /** @throws RefusedError `ERR_LEDGER_FULL` */
  check(): void {
    if (this.#share < FULL_AT) return;
    throw new RefusedError(
      'ERR_LEDGER_FULL',
      'The ledger is nearly full, so no new call is taken; see that the audit is being ingested and trimmed.',
    );
  }

  /** Looks until `signal` aborts. A failed look keeps the last answer. */
  watch(ledger: Pick<Ledger, 'state'>, logger: Logger, signal: AbortSignal): void {
    const look = async () => {
      try {
        const { bytes, bytesMax } = await ledger.state();
        this.#share = bytesMax > 0 ? bytes / bytesMax : 0;
      } catch (error) {
        logger.warn({ reason: describeError(error) }, 'Could not look up how full the ledger is.');
      }
    };
    void look();
    const timer = setInterval(() => void look(), LOOK_EVERY_MS);
    timer.unref();
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }
}
