import type { Actor, Binding, Flow, MCPServer, Resource } from '@flow-mcp/contracts';
import { RefusedError } from '@flow-mcp/kernel';
import { Planner, writingOrder, type PlannedChange } from './plan.js';
import type { Entry, RegistryView } from './registry.js';

const person = (sub: string, groups: string[] = [], admin = false): Actor => ({
  iss: 'https://issuer.example',
  sub,
  email: `${sub}@example.com`,
  groups,
  admin,
});
const sre = person('sam', ['sre']);
const dev = person('dana', ['payments-dev']);
const both = person('bo', ['payments-dev', 'sre']);
const nobody = person('nora');
const admin = person('root', [], true);

const group = (groupName: string): Binding => ({ groupName });
const server = (name: string, spec: Partial<MCPServer['spec']> = {}): MCPServer => ({
  apiVersion: 'deployments.plural.sh/v1alpha1',
  kind: 'MCPServer',
  metadata: { name },
  spec: { url: `https://${name}.example`, bindings: { write: [group('sre')] }, ...spec },
});
const flow = (
  name: string,
  servers: string[] = [],
  bindings: Flow['spec']['bindings'] = { write: [group('payments-dev')] },
): Flow => ({
  apiVersion: 'deployments.plural.sh/v1alpha1',
  kind: 'Flow',
  metadata: { name },
  spec: {
    ...(bindings === undefined ? {} : { bindings }),
    serverAssociations: servers.map((at) => ({ mcpServerRef: { name: at } })),
  },
});

interface Held {
  readonly resource: Resource;
  readonly generation?: number;
  readonly deleted?: boolean;
}

function registryOf(...held: Held[]): RegistryView {
  const entries = held.map(({ resource, generation = 1, deleted = false }): Entry => ({
    kind: resource.kind,
    name: resource.metadata.name,
    generation,
    seq: 1,
    change: deleted ? 'deleted' : 'applied',
    resource,
    changedBy: sre,
    changedAtMs: 0,
    diff: [],
  }));
  const latest = (kind: string, name: string): Entry | undefined =>
    entries.find((entry) => entry.kind === kind && entry.name === name);
  return {
    latest,
    lastGeneration: (kind, name) => latest(kind, name)?.generation ?? 0,
    list: (kind) => entries.filter((entry) => entry.kind === kind && entry.change === 'applied'),
  };
}

const rules = { creatorGroups: ['sre', 'payments-dev'], ownAudiences: ['flow-mcp', 'https://issuer.example'] };

interface Apply {
  readonly by: Actor;
  readonly to?: readonly Held[];
  readonly expectedGeneration?: number;
}

function apply(resources: Resource | Resource[], { by, to = [], expectedGeneration }: Apply): PlannedChange[] {
  return new Planner(registryOf(...to), rules).apply(by, [resources].flat(), expectedGeneration);
}

function refusal(work: () => unknown): { code: string; message: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof RefusedError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('it was allowed');
}

describe('creating', () => {
  test('a member of a creator group creates, and so does an administrator', () => {
    expect(apply(server('a'), { by: sre })).toMatchObject([{ action: 'created', generation: 1 }]);
    expect(apply(server('a'), { by: admin })).toMatchObject([{ action: 'created' }]);
  });

  test('anybody else is told which groups create', () => {
    expect(refusal(() => apply(server('a'), { by: nobody }))).toEqual({
      code: 'ERR_NOT_PERMITTED',
      message:
        'There is no MCPServer a that you may change, and creating one is not yours: Needs group sre or group payments-dev.',
    });
  });

  test('W1: a name that a person may not see is refused like one that is not there', () => {
    const hidden = server('a', { bindings: { read: [group('secret')], write: [group('secret')] } });
    const to = [{ resource: hidden }];
    expect(refusal(() => apply(server('a'), { by: nobody, to }))).toEqual(
      refusal(() => apply(server('a'), { by: nobody })),
    );
  });

  test('a creator cannot take the name of a resource that is hidden', () => {
    const to = [{ resource: flow('secret', [], { read: [group('x')] }) }];
    expect(refusal(() => apply(flow('secret'), { by: dev, to })).message).toBe(
      'The name secret is taken; choose another one.',
    );
  });

  test('A2: what was deleted goes on with its generations', () => {
    const to = [{ resource: server('a'), generation: 4, deleted: true }];
    expect(apply(server('a'), { by: sre, to })).toMatchObject([{ action: 'created', generation: 5 }]);
  });

  test('a name that Flows are still connected to is for its former owner or an administrator', () => {
    const to = [{ resource: server('a'), deleted: true }, { resource: flow('payments', ['a']) }];
    expect(refusal(() => apply(server('a'), { by: dev, to })).code).toBe('ERR_NOT_PERMITTED');
    expect(apply(server('a'), { by: sre, to })).toMatchObject([{ action: 'created' }]);
    expect(apply(server('a'), { by: admin, to })).toMatchObject([{ action: 'created' }]);
  });
});

describe('changing', () => {
  const to = [{ resource: server('a'), generation: 3 }];

  test('write on the server changes it; the change is told in words', () => {
    expect(apply(server('a', { confirm: true }), { by: sre, to })).toMatchObject([
      { action: 'changed', generation: 4, diff: ['confirm: true'] },
    ]);
  });

  test('who may see but not write is told whose it is', () => {
    expect(refusal(() => apply(server('a', { confirm: true }), { by: dev, to }))).toEqual({
      code: 'ERR_NOT_PERMITTED',
      message: 'Changing MCPServer a is not yours: Needs group sre.',
    });
  });

  test('a server without a write binding is changed by administrators only', () => {
    const open = [{ resource: server('a', { bindings: {} }) }];
    expect(refusal(() => apply(server('a'), { by: sre, to: open })).message).toContain('only administrators may');
    expect(apply(server('a'), { by: admin, to: open })).toMatchObject([{ action: 'changed' }]);
  });

  test('A3: an unchanged resource keeps its generation', () => {
    expect(apply(server('a'), { by: sre, to })).toEqual([
      { action: 'unchanged', resource: server('a'), generation: 3, diff: [] },
    ]);
  });

  test.each([
    [3, 'changed'],
    [2, 'ERR_CONFLICT'],
    [0, 'ERR_CONFLICT'],
  ])('expecting generation %i of a resource at 3: %s', (expectedGeneration, outcome) => {
    const work = (): PlannedChange[] => apply(server('a', { confirm: true }), { by: sre, to, expectedGeneration });
    expect(outcome === 'changed' ? work()[0]?.action : refusal(work).code).toBe(outcome);
  });

  test('expecting generation 0 means that the resource must not be there', () => {
    expect(apply(server('b'), { by: sre, to, expectedGeneration: 0 })).toMatchObject([{ action: 'created' }]);
  });

  test('a conflict says who changed the resource last', () => {
    const work = (): PlannedChange[] => apply(server('a'), { by: sre, to, expectedGeneration: 1 });
    expect(refusal(work).message).toBe(
      'The resource is at generation 3, not 1, changed last by sam@example.com; look at it and apply your change again.',
    );
  });

  test('an expected generation is for one resource', () => {
    const work = (): PlannedChange[] => apply([server('a'), server('b')], { by: sre, to, expectedGeneration: 3 });
    expect(refusal(work).code).toBe('ERR_MANIFEST_INVALID');
  });

  test('A1: nothing of a manifest is planned when one of its resources may not be changed', () => {
    expect(refusal(() => apply([server('b'), server('a')], { by: dev, to })).code).toBe('ERR_NOT_PERMITTED');
  });
});

describe('connecting and disconnecting (W2)', () => {
  const servers = [{ resource: server('a') }, { resource: server('b') }];
  const connected = { resource: flow('payments', ['a']) };

  test('needs write on the Flow and on that server', () => {
    const to = [...servers, connected];
    expect(apply(flow('payments', ['a', 'b']), { by: both, to })).toMatchObject([
      { diff: ['serverAssociations: added server b'] },
    ]);
    expect(refusal(() => apply(flow('payments', ['a', 'b']), { by: dev, to })).message).toBe(
      'Connecting Flow payments to MCPServer b is not yours: Needs group sre.',
    );
    expect(refusal(() => apply(flow('payments', ['a', 'b']), { by: sre, to })).code).toBe('ERR_NOT_PERMITTED');
  });

  test('disconnecting needs write on the server too', () => {
    const to = [...servers, connected];
    expect(refusal(() => apply(flow('payments'), { by: dev, to })).message).toContain(
      'Disconnecting Flow payments from MCPServer a',
    );
    expect(apply(flow('payments'), { by: both, to })).toMatchObject([{ action: 'changed' }]);
  });

  test('a server that the change leaves alone is nobody’s business', () => {
    const renamed = { ...flow('payments', ['a']), spec: { ...flow('payments', ['a']).spec, name: 'Payments' } };
    expect(apply(renamed, { by: dev, to: [...servers, connected] })).toMatchObject([{ diff: ['name: Payments'] }]);
  });

  test('W1: a server that the person may not see is answered like one that is not there', () => {
    const hidden = { resource: server('hidden', { bindings: { read: [group('x')] } }) };
    const work = (name: string) => refusal(() => apply(flow('f', [name]), { by: dev, to: [hidden] }));
    expect(work('hidden').code).toBe('ERR_NOT_FOUND');
    expect(work('hidden').message).toBe(work('absent').message.replace('absent', 'hidden'));
  });

  test('a server that is gone can be disconnected by whoever writes the Flow', () => {
    const to = [{ resource: server('a'), deleted: true }, connected];
    expect(apply(flow('payments'), { by: dev, to })).toMatchObject([{ action: 'changed' }]);
  });

  test('a server of the same manifest can be connected, as it will be', () => {
    const changes = apply([flow('payments', ['new']), server('new')], { by: both });
    expect(changes.map(({ action }) => action)).toEqual(['created', 'created']);
    expect(writingOrder(changes).map(({ resource }) => resource.kind)).toEqual(['MCPServer', 'Flow']);
    expect(refusal(() => apply([flow('payments', ['new']), server('new')], { by: dev })).message).toContain(
      'Connecting',
    );
  });
});

describe('audiences (W3)', () => {
  const jwt = (name: string, spec: Partial<MCPServer['spec']> = {}): MCPServer =>
    server(name, { authentication: { plural: true }, ...spec });

  test('one that is not the url is set by an administrator', () => {
    const own = jwt('a', { authentication: { plural: true, audience: 'https://b.example' } });
    expect(refusal(() => apply(own, { by: sre })).message).toContain('set by an administrator');
    expect(apply(own, { by: admin })).toMatchObject([{ action: 'created' }]);
  });

  test('its owner may change the server, but not where tokens for that audience go', () => {
    const own = jwt('a', { authentication: { plural: true, audience: 'https://b.example' } });
    const to = [{ resource: own }];
    expect(apply({ ...own, spec: { ...own.spec, confirm: true } }, { by: sre, to })).toMatchObject([
      { action: 'changed' },
    ]);
    expect(
      refusal(() => apply({ ...own, spec: { ...own.spec, url: 'https://thief.example' } }, { by: sre, to })).code,
    ).toBe('ERR_NOT_PERMITTED');
  });

  test('no two servers have the same, however it is spelled, and none has one of ours', () => {
    const to = [{ resource: jwt('a') }];
    expect(refusal(() => apply(jwt('b', { url: 'https://A.example/' }), { by: sre, to })).code).toBe(
      'ERR_MANIFEST_INVALID',
    );
    expect(refusal(() => apply(jwt('b', { url: 'https://issuer.example/' }), { by: sre })).code).toBe(
      'ERR_MANIFEST_INVALID',
    );
    expect(refusal(() => apply([jwt('b'), jwt('c', { url: 'https://b.example' })], { by: sre })).code).toBe(
      'ERR_MANIFEST_INVALID',
    );
  });

  test('a server that gets no token of ours may share a url', () => {
    expect(apply(server('b', { url: 'https://a.example' }), { by: sre, to: [{ resource: jwt('a') }] })).toMatchObject([
      { action: 'created' },
    ]);
  });
});

describe('deleting', () => {
  const planner = new Planner(
    registryOf({ resource: server('a'), generation: 2 }, { resource: flow('hidden', [], {}) }),
    rules,
  );

  test('needs write', () => {
    expect(planner.delete(sre, { kind: 'MCPServer', name: 'a' })).toMatchObject({ action: 'deleted', generation: 3 });
    expect(refusal(() => planner.delete(dev, { kind: 'MCPServer', name: 'a' })).code).toBe('ERR_NOT_PERMITTED');
  });

  test('W1: what is hidden is not found', () => {
    const work = (name: string) => refusal(() => planner.delete(sre, { kind: 'Flow', name }));
    expect(work('hidden').message).toBe(work('absent').message.replace('absent', 'hidden'));
  });

  test('expects a generation if told', () => {
    expect(refusal(() => planner.delete(sre, { kind: 'MCPServer', name: 'a' }, 1)).code).toBe('ERR_CONFLICT');
  });
});
