// The whole system with people in it, and an MCP server that counts: what end-to-end specs start and talk to.

import { connectFlowMcp, type Flow, type FlowMcp } from '@flow-mcp/client';
import { applyRpc } from '@flow-mcp/contracts';
import { signInDevelopment } from '@flow-mcp/identity';
import { startCountingServer, startStack, type CountingServer, type Stack, type StackOptions } from '@flow-mcp/testing';
import { Auditor } from './auditor.js';
import { eventually } from './eventually.js';
import { violations, type Expectations } from './invariants.js';
import { manifestOf, type Servers } from './manifests.js';

/** People of the development issuer: alice and carol are of support, bob is of sre, dave is nobody, root is an admin. */
export type PersonName = 'alice' | 'bob' | 'carol' | 'dave' | 'root';

/** Starts the system, then the servers that `servers` names, all of them served by one counting server unless told. */
export interface SystemOptions extends StackOptions {
  readonly servers: (countingUrl: string) => Servers | Promise<Servers>;
}

/** See the head of this file. */
export class System {
  readonly stack: Stack;
  readonly counting: CountingServer;
  readonly auditor: Auditor;
  readonly chat: FlowMcp;
  readonly #tokens = new Map<PersonName, Promise<string>>();
  readonly #flows = new Map<PersonName, Flow>();

  private constructor(stack: Stack, counting: CountingServer, clients: { auditor: Auditor; chat: FlowMcp }) {
    this.stack = stack;
    this.counting = counting;
    this.auditor = clients.auditor;
    this.chat = clients.chat;
  }

  /** Starts everything; returns when the tools of every server are listed. */
  static async start({ servers, ...options }: SystemOptions): Promise<System> {
    const [stack, counting] = await Promise.all([startStack(options), startCountingServer()]);
    const report = (): void => undefined;
    const [auditor, chat] = await Promise.all([
      Auditor.connect(stack),
      connectFlowMcp({ ...stack.login('chat'), report }),
    ]);
    const system = new System(stack, counting, { auditor, chat });
    await system.register(await servers(counting.url));
    return system;
  }

  /** Registers servers and connects the Flow `payments` to them; returns when discovery has been at each. */
  async register(servers: Servers): Promise<void> {
    await this.apply(manifestOf(servers));
    await eventually(
      () => this.flow('root').tools(),
      (listed) => listed.servers.length > 0 && listed.servers.every(({ health }) => health.reason !== 'pending'),
    );
  }

  /** Applies a manifest as an admin. */
  async apply(manifest: string): Promise<void> {
    await this.chat.ask(() => this.token('root'), applyRpc, { manifest });
  }

  /** The Flow `payments` for a person, one object each, which keeps their pass. */
  flow(person: PersonName): Flow {
    const flow = this.#flows.get(person) ?? this.chat.flow('payments', () => this.token(person));
    this.#flows.set(person, flow);
    return flow;
  }

  /** An OIDC token of a person. */
  token(person: PersonName): Promise<string> {
    const token = this.#tokens.get(person) ?? signInDevelopment(this.stack.issuer, person);
    this.#tokens.set(person, token);
    return token;
  }

  /** Every violation of the invariants in everything that happened so far. */
  async violations(expectations: Expectations): Promise<string[]> {
    const secrets = [...(await Promise.all(this.#tokens.values())), ...(expectations.secrets ?? [])];
    return violations(await this.auditor.history(this.counting), { ...expectations, secrets });
  }

  /** Stops everything that was started here. */
  async stop(): Promise<void> {
    await this.auditor.close();
    await this.chat.close();
    await Promise.all([this.stack.stop(), this.counting.stop()]);
  }
}
