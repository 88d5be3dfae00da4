import { RefusedError } from '@flow-mcp/kernel';
import { createLogger, nestLogger, type Logger } from './logger.js';
import { withTrace } from './trace.js';

function capture(): { logger: Logger; lines: () => Record<string, unknown>[] } {
  const written: string[] = [];
  const logger = createLogger('registry', 'debug', { write: (line) => void written.push(line) });
  return { logger, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('secrets, tokens and arguments are redacted, however deep they were put', () => {
  const { logger, lines } = capture();
  logger.info({ token: 'eyJ', call: { arguments: { card: '4111' }, inner: { hmac: 'x' } } }, 'text');
  expect(JSON.stringify(lines())).not.toMatch(/eyJ|4111|"x"/);
  expect(lines()[0]).toMatchObject({ service: 'registry', level: 'info', token: '[redacted]', msg: 'text' });
});

test('an error is logged by its code and the chain of its causes; only a bug has its stack', () => {
  const { logger, lines } = capture();
  logger.warn({ err: new RefusedError('ERR_CONFLICT', 'Ask again.', { cause: new Error('taken') }) }, 'refused');
  logger.error({ err: new TypeError('x is undefined') }, 'bug');
  expect(lines()[0]?.err).toEqual({ code: 'ERR_CONFLICT', message: 'Ask again: taken' });
  expect(lines()[1]?.err).toMatchObject({ code: 'ERR_INTERNAL', message: 'x is undefined' });
  expect((lines()[1]?.err as { stack: string[] }).stack[0]).toMatch(/^at /);
});

test('every line inside a request carries its trace id', async () => {
  const { logger, lines } = capture();
  const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
  await withTrace('Apply.handle', traceparent, async () => {
    await Promise.resolve();
    logger.info('inside');
  });
  withTrace('Apply.handle', `00-${'00'.repeat(16)}-${'cd'.repeat(8)}-01`, () => logger.info('invalid traceparent'));
  logger.info('outside');
  expect(lines()[0]).toMatchObject({ traceId: 'ab'.repeat(16), handling: 'Apply.handle' });
  expect(lines()[1]?.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  expect(lines()[2]).not.toHaveProperty('traceId');
});

test('what Nest says about its modules is for debugging only, its errors are errors', () => {
  const { logger, lines } = capture();
  nestLogger(logger).log('AppModule dependencies initialized');
  nestLogger(logger).error(new Error('cannot resolve'));
  expect(lines().map(({ level, msg }) => [level, msg])).toEqual([
    ['debug', 'AppModule dependencies initialized'],
    ['error', 'cannot resolve'],
  ]);
});
