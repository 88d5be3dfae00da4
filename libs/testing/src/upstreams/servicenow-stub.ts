// A stub of ServiceNow's Table API for the table `incident`: GET (search and one), POST and PATCH, Basic or Bearer.
// Faithful where a client could notice: every value is a string, journal fields only append, an encoded query is
// `^`-separated, conditions on fields that do not exist are ignored, errors come in ServiceNow's envelope.
import { randomUUID } from 'node:crypto';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import { listenOnLoopback, type LoopbackServer } from './loopback-server.js';
import { selectRows, type Row } from './servicenow-query.js';

/** The stub, and what a test wants to know about it. */
export interface ServiceNowStub extends LoopbackServer {
  readonly user: string;
  readonly password: string;
  /** The work notes of an incident, oldest first. */
  readonly workNotes: (number: string) => readonly string[];
}

/** Starts it with three incidents, INC0010001 to INC0010003. */
export async function startServiceNowStub(): Promise<ServiceNowStub> {
  const [user, password] = ['flow.mcp', randomUUID()];
  const rows = sampleIncidents();
  const notes = new Map<string, string[]>(rows.map((row) => [row['number'] ?? '', []]));
  const app = express().use(requireAuthorization(user, password), express.json());
  serveIncidents(app, rows, notes);
  const server = await listenOnLoopback(app);
  return { ...server, user, password, workNotes: (number) => notes.get(number) ?? [] };
}

function serveIncidents(app: Express, rows: Row[], notes: Map<string, string[]>): void {
  const byId = (req: Request<{ id: string }>) => rows.find((row) => row['sys_id'] === req.params.id);
  app.get('/api/now/table/incident', (req, res) => {
    const found = selectRows(rows, parameter(req, 'sysparm_query', ''));
    const offset = Number(parameter(req, 'sysparm_offset', '0'));
    const page = found.slice(offset, offset + Number(parameter(req, 'sysparm_limit', '10000')));
    res.set('X-Total-Count', String(found.length)).json({ result: page.map((row) => pick(row, req)) });
  });
  app.post('/api/now/table/incident', (req, res) => {
    const number = `INC${String(10_001 + rows.length).padStart(7, '0')}`;
    const row = incident(number, String((req.body as Row)['short_description'] ?? ''), '3');
    rows.push(row);
    notes.set(number, []);
    const location = `/api/now/table/incident/${row['sys_id']}`;
    res
      .status(201)
      .location(location)
      .json({ result: change(row, req.body as Row, notes) });
  });
  app.get('/api/now/table/incident/:id', (req, res) => {
    const row = byId(req);
    return row === undefined ? notFound(res) : void res.json({ result: pick(row, req) });
  });
  app.patch('/api/now/table/incident/:id', (req, res) => {
    const row = byId(req);
    return row === undefined ? notFound(res) : void res.json({ result: change(row, req.body as Row, notes) });
  });
}

/** `work_notes` is a journal: writing it appends an entry, and the field itself reads back empty. */
function change(row: Row, { work_notes: note, ...fields }: Row, notes: Map<string, string[]>): Row {
  if (note !== undefined) notes.get(row['number'] ?? '')?.push(note);
  return Object.assign(row, fields, { sys_updated_on: timestamp() });
}

function pick(row: Row, req: Request<object>): Row {
  const fields = parameter(req, 'sysparm_fields', Object.keys(row).join());
  const shown = parameter(req, 'sysparm_display_value', 'false') === 'true' ? displayed(row) : row;
  return Object.fromEntries(fields.split(',').map((field) => [field, shown[field] ?? '']));
}

function displayed(row: Row): Row {
  const labelOf = (field: string, value: string) => LABELS[field]?.[value] ?? value;
  return Object.fromEntries(Object.entries(row).map(([field, value]) => [field, labelOf(field, value)]));
}

const LABELS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  state: { 1: 'New', 2: 'In Progress', 3: 'On Hold', 6: 'Resolved', 7: 'Closed' },
  priority: { 1: '1 - Critical', 2: '2 - High', 3: '3 - Moderate', 4: '4 - Low', 5: '5 - Planning' },
};

function parameter(req: Request<object>, name: string, absent: string): string {
  const value = req.query[name];
  return typeof value === 'string' ? value : absent;
}

function requireAuthorization(user: string, password: string): RequestHandler {
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return (req, res, next) => {
    if ([basic, `Bearer ${password}`].includes(req.headers.authorization ?? '')) return next();
    fail(
      res.set('WWW-Authenticate', 'Basic realm="Service-now"'),
      401,
      'User Not Authenticated',
      'Required to provide Auth information',
    );
  };
}

function notFound(res: Response): void {
  fail(res, 404, 'No Record found', "Record doesn't exist or ACL restricts the record retrieval");
}

function fail(res: Response, status: number, message: string, detail: string): void {
  res.status(status).json({ error: { message, detail }, status: 'failure' });
}

function sampleIncidents(): Row[] {
  return [
    incident('INC0010001', 'Invoices are printed twice', '2'),
    incident('INC0010002', 'Payment page is slow in the evening', '3'),
    incident('INC0010003', 'VPN drops every hour', '4'),
  ];
}

function incident(number: string, short_description: string, priority: string): Row {
  const sys_id = randomUUID().replaceAll('-', '');
  const times = { sys_created_on: timestamp(), sys_updated_on: timestamp() };
  return { sys_id, number, short_description, description: '', state: '1', priority, active: 'true', ...times };
}

function timestamp(): string {
  return new Date().toISOString().slice(0, 19).replace('T', ' ');
}
