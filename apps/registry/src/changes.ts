// Planned changes as `apply` and `delete` answer them.

import type { RpcAnswer, applyRpc } from '@flow-mcp/contracts';
import type { PlannedChange } from './plan.js';

/** See the head of this file. */
export function answerOf(changes: readonly PlannedChange[]): RpcAnswer<typeof applyRpc> {
  return {
    changes: changes.map(({ action, resource, generation, diff }) => ({
      kind: resource.kind,
      name: resource.metadata.name,
      action,
      generation,
      diff: [...diff],
    })),
  };
}
