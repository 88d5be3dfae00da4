// What an operator watches: how calls end, how long MCP servers take, and what runs and waits now.

import type { Settled } from '@flow-mcp/contracts';
import type { Metrics } from '@flow-mcp/service-host';
import type { Upstream } from '@flow-mcp/upstream';
import type { Admission } from './admission.js';

/** Told of every outcome that this process wrote. */
export type OnSettled = (settled: Settled) => void;

const UPSTREAM_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Registers the metrics of settled calls. */
export function settledMetrics(metrics: Metrics): OnSettled {
  const calls = metrics.counter({
    name: 'flowmcp_calls_settled_total',
    help: 'Calls by outcome.',
    labels: ['outcome'],
  });
  const upstream = metrics.histogram({
    name: 'flowmcp_call_upstream_seconds',
    help: 'Time at the MCP server.',
    buckets: UPSTREAM_SECONDS,
  });
  return ({ outcome, upstreamMs }) => {
    calls.inc({ outcome });
    if (upstreamMs !== undefined) upstream.observe(upstreamMs / 1000);
  };
}

/** Registers gauges of what happens now. */
export function loadMetrics(metrics: Metrics, admission: Admission, upstream: Pick<Upstream, 'stats'>): void {
  const gauge = (name: `flowmcp_${string}`, help: string, value: () => number) => {
    const registered = metrics.gauge({ name, help });
    Object.assign(registered, { collect: () => registered.set(value()) });
  };
  gauge('flowmcp_calls_running', 'Calls that have a place at their server.', () => admission.load.running);
  gauge('flowmcp_calls_waiting', 'Calls that wait for a place at their server.', () => admission.load.waiting);
  gauge('flowmcp_upstream_sessions', 'MCP sessions of people.', () => upstream.stats().sessions);
}
