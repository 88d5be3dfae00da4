import { Metrics } from '@flow-mcp/service-host';
import { Admission } from './admission.js';
import { loadMetrics, settledMetrics } from './metrics.js';

test('outcomes are counted, and load is what it is when somebody looks', async () => {
  const metrics = new Metrics('executor');
  const admission = new Admission(() => 0);
  loadMetrics(metrics, admission, { stats: () => ({ sessions: 3, discoverySessions: 0, callsInFlight: 0 }) });
  const settled = settledMetrics(metrics);
  settled({ outcome: 'succeeded', attempt: 1, upstreamMs: 20 });
  settled({ outcome: 'denied', attempt: 0 });
  const entry = { server: 'plural', person: 'alice', concurrency: 1, queue: 1, rate: undefined };
  await admission.enter({ ...entry, signal: new AbortController().signal });
  const { text } = await metrics.expose();
  expect(text).toContain('flowmcp_calls_settled_total{outcome="succeeded",service="executor"} 1');
  expect(text).toContain('flowmcp_calls_settled_total{outcome="denied",service="executor"} 1');
  expect(text).toContain('flowmcp_call_upstream_seconds_count{service="executor"} 1');
  expect(text).toContain('flowmcp_calls_running{service="executor"} 1');
  expect(text).toContain('flowmcp_upstream_sessions{service="executor"} 3');
});
