// What the runtime must do about ClickHouse's errors.

import { ClickHouseError } from '@clickhouse/client';
import { RefusedError, RetryableError, type FlowMcpError } from '@flow-mcp/kernel';

const AUTHENTICATION_FAILED = '516';
const UNKNOWN_TABLE = '60';
const UNKNOWN_DATABASE = '81';

/** Wrong credentials need a person; everything else may pass, and the same bytes may be sent again. */
export function asFlowMcpError(error: unknown): FlowMcpError {
  if (error instanceof ClickHouseError && error.code === AUTHENTICATION_FAILED) {
    const message = 'ClickHouse refuses our user; correct the user name or its password file.';
    return new RefusedError('ERR_CONFIG_INVALID', message, { cause: error });
  }
  const message =
    error instanceof ClickHouseError
      ? `ClickHouse answered with error ${error.code} (${error.type ?? 'UNKNOWN'}); its log says more.`
      : 'ClickHouse does not answer; start it or correct its address.';
  return new RetryableError('ERR_DATABASE_UNAVAILABLE', message, { cause: error });
}

/** Like `asFlowMcpError`, without a cause: what ClickHouse says of rows that it cannot read quotes them. */
export function asInsertError(error: unknown): FlowMcpError {
  const { code, message } = asFlowMcpError(error);
  return code === 'ERR_CONFIG_INVALID' ? new RefusedError(code, message) : new RetryableError(code, message);
}

/** Whether one of our errors says that the table, or its whole database, is not there. */
export function isUnknownTable({ cause }: { readonly cause?: unknown }): boolean {
  return cause instanceof ClickHouseError && [UNKNOWN_TABLE, UNKNOWN_DATABASE].includes(cause.code);
}
