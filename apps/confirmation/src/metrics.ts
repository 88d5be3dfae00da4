// What SREs watch: how many calls wait for a person, and how long those waited that were decided.

import type { Decided } from '@flow-mcp/contracts';
import type { EpochMs } from '@flow-mcp/kernel';
import type { Metrics } from '@flow-mcp/service-host';
import type { HeldCall } from './pending-calls.js';

/** The metrics of this service. */
export interface HoldMetrics {
  pending(count: number): void;
  /** Told of each decision that this replica wrote. */
  decided(call: HeldCall, decision: Decided['decision']): void;
}

/** Registers them. */
export function holdMetrics(metrics: Metrics, nowMs: () => EpochMs): HoldMetrics {
  const pending = metrics.gauge({ name: 'flowmcp_held_calls', help: 'Held calls that wait for a decision.' });
  const held = metrics.histogram({
    name: 'flowmcp_held_seconds',
    help: 'How long calls were held that this replica decided, by decision.',
    labels: ['decision'],
    buckets: [1, 5, 15, 60, 300, 900, 3600, 14400],
  });
  return {
    pending: (count) => pending.set(count),
    decided: (call, decision) => held.observe({ decision }, Math.max(0, nowMs() - call.heldAtMs) / 1000),
  };
}
