// Messages that need not survive: core NATS, at most once, never recorded.

import { z } from 'zod';
import { contract, type MessageOf } from '../contract.js';
import { name } from './shared.js';

/** MCP 2025-11-25 `notifications/progress`, on `flowmcp.v1.progress.<flow>.<callId>`. */
export const progressV1 = contract(
  'flowmcp.progress.v1',
  'The MCP server reports progress of a running call.',
  (object) =>
    object({ progress: z.number(), total: z.number().exactOptional(), message: z.string().max(1000).exactOptional() }),
);

export type Progress = MessageOf<typeof progressV1>;

/** A hint to ask a server again, on `flowmcp.v1.tools-changed.<server>`; the registry also asks without it. */
export const toolsChangedV1 = contract(
  'flowmcp.tools-changed.v1',
  'An MCP server says that its tools changed.',
  (object) => object({ server: name }),
);
