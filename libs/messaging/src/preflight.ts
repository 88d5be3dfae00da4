// What a service checks before it starts: that the streams keep the promises that it relies on.

import { STREAMS } from '@flow-mcp/contracts';
import { RefusedError } from '@flow-mcp/kernel';
import { BrokerApiError, NOT_FOUND } from './broker-api.js';
import type { BrokerConnection } from './connection.js';
import { differencesOf } from './provision.js';
import { WRITE_ONCE } from './stream-configs.js';
import { streamInfo } from './stream-state.js';

/**
 * Refuses a broker whose ledger or registry is missing or not write-once.
 * @throws RefusedError `ERR_STREAM_NOT_WRITE_ONCE` saying what is wrong and what to run;
 *   RetryableError `ERR_BROKER_UNAVAILABLE`
 */
export async function preflight(connection: BrokerConnection): Promise<void> {
  for (const { name, subject, writeOnce } of Object.values(STREAMS)) {
    if (writeOnce) await checkWriteOnce(connection, name, { ...WRITE_ONCE, subjects: [subject] });
  }
}

async function checkWriteOnce(connection: BrokerConnection, name: string, wanted: object): Promise<void> {
  const { config } = await streamInfo(connection, name).catch((error: unknown) => {
    if (error instanceof BrokerApiError && error.errCode === NOT_FOUND.stream) throw refusal(name, 'does not exist');
    throw error;
  });
  const differences = differencesOf(wanted, config);
  if (differences.length > 0) throw refusal(name, `must be changed (${differences.join(', ')})`);
}

function refusal(name: string, problem: string): RefusedError {
  const message = `Stream ${name} ${problem}; run the provisioner against this broker, or connect to another one.`;
  return new RefusedError('ERR_STREAM_NOT_WRITE_ONCE', message);
}
