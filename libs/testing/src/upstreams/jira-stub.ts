// A stub of Jira Cloud's REST API v3: search, get and comment on issues, Basic authentication.
// Faithful where a client could notice: the enhanced search pages by token and refuses unbounded JQL, rich text is
// Atlassian Document Format, errors are `errorMessages`.
import { randomUUID } from 'node:crypto';
import express, { type Express, type RequestHandler, type Response } from 'express';
import { JqlError, selectIssues, type Issue } from './jira-jql.js';
import { listenOnLoopback, type LoopbackServer } from './loopback-server.js';

/** The stub, and what a test wants to know about it. */
export interface JiraStub extends LoopbackServer {
  readonly email: string;
  readonly apiToken: string;
  /** The texts of an issue's comments, oldest first. */
  readonly comments: (issueKey: string) => readonly string[];
}

interface Comment {
  readonly id: string;
  readonly author: { readonly displayName: string };
  readonly body: unknown;
  readonly created: string;
}

/** Starts it with the issues PAY-1, PAY-2 and OPS-1. */
export async function startJiraStub(): Promise<JiraStub> {
  const [email, apiToken] = ['flow-mcp@example.com', randomUUID()];
  const comments = new Map<string, Comment[]>(ISSUES.map((issue) => [issue.key, []]));
  const api = express();
  serveIssues(api);
  serveComments(api, comments);
  const app = express().use(requireBasic(email, apiToken), express.json()).use('/rest/api/3', api);
  const server = await listenOnLoopback(app);
  const texts = (key: string) => (comments.get(key) ?? []).map(({ body }) => documentText(body));
  return { ...server, email, apiToken, comments: texts };
}

function serveIssues(api: Express): void {
  api.post('/search/jql', (req, res) => {
    const { jql = '', maxResults = 50, fields, nextPageToken = '0' } = req.body as SearchRequest;
    try {
      const found = selectIssues(ISSUES, jql);
      const end = Number(nextPageToken) + maxResults;
      const issues = found.slice(Number(nextPageToken), end).map((issue) => rendered(issue, fields ?? ['id'], req));
      const isLast = end >= found.length;
      res.json({ issues, isLast, ...(isLast ? {} : { nextPageToken: String(end) }) });
    } catch (error) {
      if (!(error instanceof JqlError)) throw error;
      fail(res, 400, error.message);
    }
  });
  api.get('/issue/:key', (req, res) => {
    const issue = ISSUES.find(({ key }) => key === req.params.key.toUpperCase());
    const fields = typeof req.query['fields'] === 'string' ? req.query['fields'].split(',') : ['*all'];
    return issue === undefined ? noSuchIssue(res) : void res.json(rendered(issue, fields, req));
  });
  api.get('/field', (_req, res) => void res.json(FIELDS.map((id) => ({ id, key: id, name: id, custom: false }))));
}

function serveComments(api: Express, comments: Map<string, Comment[]>): void {
  api.get('/issue/:key/comment', (req, res) => {
    const found = comments.get(req.params.key);
    if (found === undefined) return noSuchIssue(res);
    res.json({ startAt: 0, maxResults: 100, total: found.length, comments: found });
  });
  api.post('/issue/:key/comment', (req, res) => {
    const found = comments.get(req.params.key);
    if (found === undefined) return noSuchIssue(res);
    const { body } = req.body as { body?: { type?: string } };
    if (body?.type !== 'doc') return fail(res, 400, 'Comment body is not valid!');
    const author = { displayName: 'Flow MCP' };
    const comment = { id: String(10_000 + found.length), author, body, created: new Date().toISOString() };
    found.push(comment);
    res.status(201).json(comment);
  });
}

interface SearchRequest {
  readonly jql?: string;
  readonly maxResults?: number;
  readonly fields?: readonly string[];
  readonly nextPageToken?: string;
}

function rendered(issue: Issue, names: readonly string[], { host }: { host: string }): object {
  const all = names.includes('*all');
  const fields = Object.fromEntries(Object.entries(issue.fields).filter(([name]) => all || names.includes(name)));
  return { id: issue.id, key: issue.key, self: `http://${host}/rest/api/3/issue/${issue.id}`, fields };
}

function requireBasic(email: string, apiToken: string): RequestHandler {
  const expected = `Basic ${Buffer.from(`${email}:${apiToken}`).toString('base64')}`;
  return (req, res, next) => {
    if (req.headers.authorization === expected) return next();
    const message = 'Client must be authenticated to access this resource.';
    res.status(401).json({ message, 'status-code': 401 });
  };
}

function noSuchIssue(res: Response): void {
  fail(res, 404, 'Issue does not exist or you do not have permission to see it.');
}

function fail(res: Response, status: number, message: string): void {
  res.status(status).json({ errorMessages: [message], errors: {} });
}

function documentText(node: unknown): string {
  const { text = '', content = [] } = node as { text?: string; content?: unknown[] };
  return text + content.map(documentText).join('');
}

const FIELDS = ['summary', 'description', 'status', 'priority', 'issuetype', 'project', 'assignee', 'created'];

const ISSUES: readonly Issue[] = [
  issue('10001', 'PAY-1', 'Card refunds take a week', 'In Progress'),
  issue('10002', 'PAY-2', 'Custom payment plan for Ada Lovelace', 'To Do'),
  issue('10003', 'OPS-1', 'Rotate the staging certificates', 'Done'),
];

function issue(id: string, key: string, summary: string, status: string): Issue {
  const project = { key: key.split('-')[0] ?? '' };
  const paragraph = { type: 'paragraph', content: [{ type: 'text', text: `${summary}, as told by support.` }] };
  const description = { type: 'doc', version: 1, content: [paragraph] };
  const named = { status: { name: status }, priority: { name: 'Medium' }, issuetype: { name: 'Task' } };
  const created = '2026-11-01T09:00:00.000+0000';
  return { id, key, fields: { summary, description, ...named, project, assignee: null, created, updated: created } };
}
