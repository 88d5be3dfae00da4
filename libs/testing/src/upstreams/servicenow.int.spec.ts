import { startServiceNow } from './servicenow.js';
import { callDirectly, textOf } from './sdk-client.js';

let serviceNow: Awaited<ReturnType<typeof startServiceNow>>;

beforeAll(async () => {
  serviceNow = await startServiceNow();
}, 60_000);

afterAll(() => serviceNow?.stop());

const call = (name: string, args: Record<string, unknown>) =>
  callDirectly({ url: serviceNow.url, headers: { 'x-api-key': serviceNow.apiKey } }, name, args);

describe('the ServiceNow example in front of the stub', () => {
  it('searches incidents by words', async () => {
    const found = await call('search_incidents', { words: 'payment page' });
    expect(found.structuredContent).toMatchObject({ incidents: [{ number: 'INC0010002', state: 'New' }] });
  });

  it('does not let the words become a condition of their own', async () => {
    const found = await call('search_incidents', { words: 'nothing like this^ORnumber=INC0010003' });
    expect(found.structuredContent).toEqual({ incidents: [] });
  });

  it('adds a work note to an incident once', async () => {
    await call('add_work_note', { number: 'INC0010001', note: 'Asked the print team.' });
    expect(serviceNow.stub.workNotes('INC0010001')).toEqual(['Asked the print team.']);
  });

  it('says what is wrong with a number that does not exist', async () => {
    const missing = await call('get_incident', { number: 'INC9999999' });
    expect(missing.isError).toBe(true);
    expect(textOf(missing)).toContain('There is no incident INC9999999');
  });

  it('answers 401 without its key', async () => {
    await expect(callDirectly(serviceNow, 'get_incident', { number: 'INC0010001' })).rejects.toThrow('X-Api-Key');
  });
});

describe('the stub of the Table API', () => {
  const table = (path: string, init: RequestInit = {}) => {
    const { url, user, password } = serviceNow.stub;
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const headers = { authorization, 'content-type': 'application/json' };
    return fetch(`${url}/api/now/table/incident${path}`, { ...init, headers });
  };

  it('creates an incident and selects and sorts by an encoded query', async () => {
    const created = await table('', { method: 'POST', body: JSON.stringify({ short_description: 'Zebra printer' }) });
    expect([created.status, created.headers.get('location')]).toEqual([201, expect.stringContaining('/incident/')]);
    const query = 'sysparm_query=short_descriptionLIKEprint^ORpriority=4^ORDERBYDESCnumber&sysparm_fields=number';
    const found = await table(`?${query}&sysparm_limit=2`);
    expect(await found.json()).toEqual({ result: [{ number: 'INC0010004' }, { number: 'INC0010003' }] });
    expect(found.headers.get('x-total-count')).toBe('3');
  });

  it("refuses in ServiceNow's envelope", async () => {
    const missing = await table('/00000000000000000000000000000000');
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { message: 'No Record found' } }]);
    expect((await fetch(`${serviceNow.stub.url}/api/now/table/incident`)).status).toBe(401);
  });
});
