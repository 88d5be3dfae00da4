// What probes and Prometheus ask. Open to whoever can reach the port: nothing here is secret.

import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import { Metrics } from './metrics.js';
import { Readiness, type ReadinessReport } from './readiness.js';

/** The part of an HTTP response that is needed here, whatever serves HTTP. */
interface HttpResponse {
  status(code: number): unknown;
  setHeader(name: string, value: string): unknown;
}

/** `/healthz`, `/readyz` and `/metrics`. */
@Controller()
export class HealthController {
  private readonly readiness: Readiness;
  private readonly metrics: Metrics;

  constructor(@Inject(Readiness) readiness: Readiness, @Inject(Metrics) metrics: Metrics) {
    this.readiness = readiness;
    this.metrics = metrics;
  }

  /** The process is alive. */
  @Get('healthz')
  @Header('cache-control', 'no-store')
  healthz(): { alive: true } {
    return { alive: true };
  }

  /** 200 when the service can do its work, else 503 with what is missing. */
  @Get('readyz')
  @Header('cache-control', 'no-store')
  async readyz(@Res({ passthrough: true }) response: HttpResponse): Promise<ReadinessReport> {
    const report = await this.readiness.report();
    response.status(report.ready ? 200 : 503);
    return report;
  }

  @Get('metrics')
  async expose(@Res({ passthrough: true }) response: HttpResponse): Promise<string> {
    const { contentType, text } = await this.metrics.expose();
    response.setHeader('content-type', contentType);
    return text;
  }
}
