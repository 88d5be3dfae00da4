// The tools. Each handler gets the caller of this very request, not the one who opened the session.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { accountSchema, planSchema, type Account } from './accounts.js';
import { type Caller } from './auth.js';

export interface ToolContext {
  readonly accounts: Map<string, Account>;
  readonly writeGroup: string;
  /** Told when a tool starts to act. */
  readonly onExecution: (caller: Caller) => void;
}

const READ = { readOnlyHint: true, openWorldHint: false };
/** Destructive because the old plan is gone; idempotent because the same call twice changes nothing more. */
const REPLACE = { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false };

/** An MCP server for one session. */
export function createMcpServer(context: ToolContext): McpServer {
  const server = new McpServer({ name: 'payments', version: '1.0.0' });
  registerReadTools(server, context);
  registerWriteTools(server, context);
  return server;
}

function registerReadTools(server: McpServer, { accounts, onExecution }: ToolContext): void {
  server.registerTool(
    'get_account',
    {
      description: 'Basic details of one account.',
      inputSchema: { accountId: z.string() },
      outputSchema: accountSchema.shape,
      annotations: { title: 'Get account', ...READ },
    },
    ({ accountId }, extra) => {
      onExecution(callerOf(extra));
      const account = accounts.get(accountId);
      return account === undefined ? noSuchAccount(accountId) : structured(account);
    },
  );
  server.registerTool(
    'list_accounts',
    {
      description: 'All accounts, or those on one plan.',
      inputSchema: { plan: planSchema.optional() },
      outputSchema: { accounts: z.array(accountSchema) },
      annotations: { title: 'List accounts', ...READ },
    },
    ({ plan }, extra) => {
      onExecution(callerOf(extra));
      return structured({ accounts: [...accounts.values()].filter((a) => plan === undefined || a.plan === plan) });
    },
  );
}

function registerWriteTools(server: McpServer, { accounts, onExecution, writeGroup }: ToolContext): void {
  server.registerTool(
    'set_payment_plan',
    {
      description: 'Puts an account on a payment plan; the plan "custom" needs a monthly price.',
      inputSchema: { accountId: z.string(), plan: planSchema, monthlyCents: z.number().int().min(0).optional() },
      outputSchema: accountSchema.shape,
      annotations: { title: 'Set payment plan', ...REPLACE },
    },
    ({ accountId, plan, monthlyCents }, extra) => {
      const caller = callerOf(extra);
      if (!caller.groups.includes(writeGroup)) return toolError(`Changing a plan needs the group ${writeGroup}.`);
      const account = accounts.get(accountId);
      if (account === undefined) return noSuchAccount(accountId);
      if (plan === 'custom' && monthlyCents === undefined) return toolError('The plan "custom" needs monthlyCents.');
      onExecution(caller);
      const changed = { ...account, plan, monthlyCents: monthlyCents ?? LIST_PRICES[plan] };
      accounts.set(accountId, changed);
      return structured(changed);
    },
  );
}

const LIST_PRICES = { starter: 0, team: 4_900, enterprise: 49_900, custom: 0 };

/** Put there by `app.ts`, which lets no request through without a caller. */
function callerOf(extra: { authInfo?: { extra?: Record<string, unknown> } }): Caller {
  return extra.authInfo?.extra?.['caller'] as Caller;
}

function structured(value: Record<string, unknown>): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
}

function noSuchAccount(id: string): CallToolResult {
  return toolError(`There is no account ${id}; list_accounts shows those that exist.`);
}

function toolError(text: string): CallToolResult {
  return { isError: true, content: [{ type: 'text', text }] };
}
