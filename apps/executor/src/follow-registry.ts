// Builds the copy of the registry and keeps it up to date.

import { STREAMS, TOOLS_BUCKET } from '@flow-mcp/contracts';
import { follow, watchBucket, type BrokerConnection, type StoredFact } from '@flow-mcp/messaging';
import { RegistryCopy } from './registry-copy.js';

/** Keeps a copy up to date until `signal` aborts; resolves with it once it is caught up. */
export async function followRegistry(
  broker: BrokerConnection,
  signal: AbortSignal,
  onBroken: (error: unknown) => void,
): Promise<RegistryCopy> {
  const copy = new RegistryCopy();
  await new Promise<void>((resolve) => {
    const onFact = ({ subject, payload }: StoredFact) => copy.applyResource(subject, payload);
    const { name, subject } = STREAMS.REGISTRY;
    follow(broker, name, { filter: subject, fromSeq: 1, onFact, onCaughtUp: resolve, signal }).done.catch(onBroken);
  });
  await watchBucket(broker, TOOLS_BUCKET, { onEntry: (key, value) => copy.applyTools(key, value), signal });
  return copy;
}
