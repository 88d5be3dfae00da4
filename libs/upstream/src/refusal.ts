// What a status that is no success says about the request it answers.

import { httpFailed, type UpstreamFailure } from './failure.js';
import type { HttpResponse } from './http-response.js';
import { NOTIFY_TIMEOUT_MS } from './in-flight.js';

const ERROR_BODY_BYTES_MAX = 4096;

/**
 * The failure that `response` stands for. In a session, 404 means that the server has forgotten it (MCP 2025-11-25
 * transports); some servers answer 400 instead and say so in the body. The body goes nowhere else.
 */
export async function refusal(response: HttpResponse, inSession: boolean): Promise<UpstreamFailure> {
  const lost = inSession && (response.status === 404 || (response.status === 400 && (await blamesSession(response))));
  response.discard();
  return httpFailed(response.status, lost);
}

async function blamesSession(response: HttpResponse): Promise<boolean> {
  const limits = { bytesMax: ERROR_BODY_BYTES_MAX, idleMs: NOTIFY_TIMEOUT_MS };
  return /session/i.test(await response.text(limits).catch(() => ''));
}
