// What SREs watch: whether the audit trail keeps up.

import type { Metrics } from '@flow-mcp/service-host';
import type { IngestReport } from './ingester.js';

/** Registers the metrics of this service and returns what feeds them. */
export function ingestMetrics(metrics: Metrics): IngestReport {
  const labels = ['stream'] as const;
  const inserted = metrics.counter({ name: 'flowmcp_audit_facts_total', help: 'Facts in ClickHouse.', labels });
  const behind = metrics.gauge({
    name: 'flowmcp_audit_behind_facts',
    help: 'Facts that are stored in the broker and not yet in ClickHouse.',
    labels,
  });
  const delay = metrics.histogram({
    name: 'flowmcp_audit_delay_seconds',
    help: 'From when the broker stored a block’s first fact to when ClickHouse had it.',
    labels,
    buckets: [0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600],
  });
  return {
    inserted: ({ stream: { stream }, facts }) => {
      inserted.inc({ stream }, facts.length);
      delay.observe({ stream }, Math.max(0, Date.now() - (facts[0]?.storedAtMs ?? 0)) / 1000);
    },
    failed: (_, error) => void metrics.countError(error),
    behind: (stream, facts) => behind.set({ stream }, Math.max(0, facts)),
  };
}
