// Logs: one JSON object a line on stdout. Tokens, secrets and tool arguments never reach it.

import { FlowMcpError, describeError, errorCode } from '@flow-mcp/kernel';
import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { currentTrace } from './trace.js';

/** `logger.info({ server }, 'Discovered its tools.')`; an error goes in as `err`. */
export type Logger = PinoLogger;

/** The least important line that is written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const SECRET_NAMES = [
  'token', 'pass', 'hmac', 'secret', 'seed', 'password', 'authorization', 'cookie', 'arguments', 'headers', 'manifest',
]; // prettier-ignore

/** A service's logger; `destination` is for tests. */
export function createLogger(service: string, level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    serializers: { err: describe },
    mixin: () => ({ ...currentTrace() }),
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Sends what Nest itself says to our logger; Nest's chatter about modules and routes is for debugging only. */
export function nestLogger(logger: Logger): LoggerService {
  return {
    log: (message: unknown) => logger.debug(textOf(message)),
    verbose: (message: unknown) => logger.debug(textOf(message)),
    debug: (message: unknown) => logger.debug(textOf(message)),
    warn: (message: unknown) => logger.warn(textOf(message)),
    error: (message: unknown) => logger.error(fieldsOf(message), textOf(message)),
    fatal: (message: unknown) => logger.fatal(fieldsOf(message), textOf(message)),
  };
}

/** Our errors by code and causes; a bug with its stack, which holds places in the code and no data. */
function describe(error: unknown): Record<string, unknown> {
  const isBug = error instanceof Error && !(error instanceof FlowMcpError);
  return { code: errorCode(error), message: describeError(error), ...(isBug ? { stack: placesOf(error) } : {}) };
}

function placesOf(error: Error): string[] {
  const lines = (error.stack ?? '').split('\n').map((line) => line.trim());
  return lines.filter((line) => line.startsWith('at ')).slice(0, 12);
}

function fieldsOf(message: unknown): Record<string, unknown> {
  return message instanceof Error ? { err: message } : {};
}

function textOf(message: unknown): string {
  return message instanceof Error ? message.message : typeof message === 'string' ? message : JSON.stringify(message);
}
