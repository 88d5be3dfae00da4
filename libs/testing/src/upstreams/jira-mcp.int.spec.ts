import { startJiraMcp } from './jira-mcp.js';
import { callDirectly, textOf } from './sdk-client.js';

let jira: Awaited<ReturnType<typeof startJiraMcp>>;

beforeAll(async () => {
  jira = await startJiraMcp();
}, 60_000);

afterAll(() => jira?.stop());

describe('the Jira MCP server in front of the stub', () => {
  it('finds issues by JQL', async () => {
    const jql = 'project = PAY AND summary ~ "payment plan" ORDER BY created DESC';
    const found = await callDirectly(jira, 'jira_search', { action: 'issues', jql });
    expect(found.structuredContent).toMatchObject({
      count: 1,
      isLast: true,
      issues: [{ key: 'PAY-2', fields: { summary: 'Custom payment plan for Ada Lovelace' } }],
    });
  });

  it('shows one issue with its description', async () => {
    const issue = await callDirectly(jira, 'jira_issues', { action: 'get', issueKey: 'PAY-1' });
    expect(textOf(issue)).toContain('Card refunds take a week, as told by support.');
  });

  it('adds a comment once and reads it back', async () => {
    await callDirectly(jira, 'jira_comments', { action: 'add', issueKey: 'OPS-1', comment: 'Done on Friday.' });
    expect(jira.stub.comments('OPS-1')).toEqual(['Done on Friday.']);
    const comments = await callDirectly(jira, 'jira_comments', { action: 'get', issueKey: 'OPS-1' });
    expect(textOf(comments)).toContain('Done on Friday.');
  });

  it('passes on what Jira refuses', async () => {
    const missing = await callDirectly(jira, 'jira_issues', { action: 'get', issueKey: 'PAY-99' });
    expect([missing.isError, textOf(missing)]).toEqual([true, expect.stringContaining('Issue does not exist')]);
    const unbounded = await callDirectly(jira, 'jira_search', { action: 'issues', jql: 'ORDER BY created' });
    expect([unbounded.isError, textOf(unbounded)]).toEqual([true, expect.stringContaining('Unbounded JQL')]);
  });
});
