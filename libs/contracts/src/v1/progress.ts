// Progress of a running call: core NATS, at most once, never recorded.

import { z } from 'zod';
import { contract, type MessageOf } from '../contract.js';

/** MCP 2025-11-25 `notifications/progress`, on `flowmcp.v1.progress.<flow>.<callId>`. */
export const progressV1 = contract(
  'flowmcp.progress.v1',
  'The MCP server reports progress of a running call.',
  (object) =>
    object({ progress: z.number(), total: z.number().exactOptional(), message: z.string().max(1000).exactOptional() }),
);

export type Progress = MessageOf<typeof progressV1>;
