// The registry as this process has it: the latest generation of every resource, and what each server offers.
// Built from the REGISTRY stream and the tools bucket; never asked over the network while a call waits.

import {
  LIMITS,
  decode,
  discoveredV1,
  parseResourceSubject,
  resourceChangedV1,
  termsOf,
  type Flow,
  type ServerTerms,
  type ToolDefinition,
} from '@flow-mcp/contracts';
import type { Name } from '@flow-mcp/kernel';

/** A server as it is registered now. */
export interface RegisteredServer {
  readonly generation: number;
  readonly terms: ServerTerms;
}

/** A Flow as it is registered now. */
export interface RegisteredFlow {
  readonly generation: number;
  readonly read: NonNullable<NonNullable<Flow['spec']['bindings']>['read']>;
  readonly write: RegisteredFlow['read'];
  readonly servers: readonly Name[];
}

/** A tool as it was last discovered. */
export interface OfferedTool {
  readonly sha256: string;
  readonly definition: ToolDefinition;
}

/** See the file's header. */
export class RegistryCopy {
  readonly #servers = new Map<Name, RegisteredServer>();
  readonly #flows = new Map<Name, RegisteredFlow>();
  /** What each server offered, and the generation that was asked. */
  readonly #offers = new Map<Name, { generation: number; tools: ReadonlyMap<string, OfferedTool> }>();
  /** The generation since which a server has its url: what was offered before, another server offered. */
  readonly #urlSince = new Map<Name, number>();
  readonly #generations = new Map<string, number>();

  server(name: Name): RegisteredServer | undefined {
    return this.#servers.get(name);
  }

  flow(name: Name): RegisteredFlow | undefined {
    return this.#flows.get(name);
  }

  tool(server: Name, tool: string): OfferedTool | undefined {
    const offer = this.#offers.get(server);
    return offer === undefined || offer.generation < (this.#urlSince.get(server) ?? 0)
      ? undefined
      : offer.tools.get(tool);
  }

  /**
   * Takes one fact of the REGISTRY stream; older generations and foreign subjects change nothing.
   * @throws RefusedError when it cannot be read; the resource is then gone: what is not known is not permitted
   */
  applyResource(subject: string, payload: Uint8Array): void {
    const parsed = parseResourceSubject(subject);
    if (parsed === undefined) return;
    const { kind, name, generation } = parsed;
    const key = `${kind} ${name}`;
    if (generation <= (this.#generations.get(key) ?? 0)) return;
    this.#generations.set(key, generation);
    const before = this.#servers.get(name);
    this.#remove(kind, name);
    const { change, resource } = decode(resourceChangedV1, payload, LIMITS.messageBytes);
    if (change === 'deleted') return;
    if (resource.kind === 'Flow') this.#flows.set(name, registeredFlow(resource, generation));
    else this.#setServer({ generation, terms: termsOf(resource) }, before);
  }

  /**
   * Takes one entry of the tools bucket; `undefined` when it was deleted.
   * @throws RefusedError when it cannot be read; the server then offers nothing
   */
  applyTools(server: Name, value: Uint8Array | undefined): void {
    this.#offers.delete(server);
    if (value === undefined) return;
    const { generation, tools } = decode(discoveredV1, value, LIMITS.messageBytes);
    this.#offers.set(server, { generation, tools: new Map(tools.map((tool) => [tool.definition.name, tool])) });
  }

  #setServer(server: RegisteredServer, before: RegisteredServer | undefined): void {
    const { name, url } = server.terms;
    if (before?.terms.url !== url) this.#urlSince.set(name, server.generation);
    this.#servers.set(name, server);
  }

  #remove(kind: 'MCPServer' | 'Flow', name: Name): void {
    if (kind === 'Flow') this.#flows.delete(name);
    else this.#servers.delete(name);
  }
}

function registeredFlow({ spec }: Flow, generation: number): RegisteredFlow {
  return {
    generation,
    read: spec.bindings?.read ?? [],
    write: spec.bindings?.write ?? [],
    servers: (spec.serverAssociations ?? []).map(({ mcpServerRef }) => mcpServerRef.name),
  };
}
