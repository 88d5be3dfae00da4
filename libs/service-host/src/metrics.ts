// Metrics for Prometheus. Labels come from closed sets: an error is labelled by its code, never by its text.

import { errorCode, type ErrorCode } from '@flow-mcp/kernel';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What a metric is called and means; names start with `flowmcp_` and end in their unit. */
export interface MetricDoc<L extends string> {
  readonly name: `flowmcp_${string}`;
  readonly help: string;
  readonly labels?: readonly L[];
  /** Histograms only: upper bounds in the metric's unit. */
  readonly buckets?: readonly number[];
}

/** A service's metrics: the process's own, one counter of errors, and what the app registers. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly errors: Counter<'code'>;

  constructor(service: string) {
    this.registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.registry });
    this.errors = this.counter({ name: 'flowmcp_errors_total', help: 'Errors by code.', labels: ['code'] });
  }

  counter<L extends string = never>({ name, help, labels = [] }: MetricDoc<L>): Counter<L> {
    return new Counter({ name, help, labelNames: [...labels], registers: [this.registry] });
  }

  gauge<L extends string = never>({ name, help, labels = [] }: MetricDoc<L>): Gauge<L> {
    return new Gauge({ name, help, labelNames: [...labels], registers: [this.registry] });
  }

  histogram<L extends string = never>({ name, help, labels = [], buckets }: MetricDoc<L>): Histogram<L> {
    const bounds = buckets === undefined ? {} : { buckets: [...buckets] };
    return new Histogram({ name, help, labelNames: [...labels], registers: [this.registry], ...bounds });
  }

  /** Counts an error under its code and returns the code. */
  countError(error: unknown): ErrorCode {
    const code = errorCode(error);
    this.errors.inc({ code });
    return code;
  }

  /** The Prometheus text format and its content type. */
  async expose(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }
}
