// The part of JQL that the stub answers: `field = value`, `!=`, `~` and `in (…)`, joined by AND, with an ORDER BY that
// only `key` and `created` understand.

/** An issue as the REST API returns it. */
export interface Issue {
  readonly id: string;
  readonly key: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What Jira answers with 400; the message is Jira's. */
export class JqlError extends Error {}

const CLAUSE = /^(\w+)\s*(=|!=|~|\bin\b)\s*(.+)$/i;

/** The issues that a query selects, newest key first unless it says otherwise. */
export function selectIssues(issues: readonly Issue[], jql: string): Issue[] {
  const [where = '', order = ''] = jql.trim().split(/\border\s+by\b/i);
  if (where.trim() === '') {
    throw new JqlError('Unbounded JQL queries are not allowed here. Please add a search restriction to your query.');
  }
  const clauses = where
    .trim()
    .split(/\s+and\s+/i)
    .map(parseClause);
  const found = issues.filter((issue) => clauses.every((holds) => holds(issue)));
  return /\basc\b/i.test(order) ? found : found.toReversed();
}

function parseClause(clause: string): (issue: Issue) => boolean {
  const [, field = '', operator = '', operand = ''] = CLAUSE.exec(clause.trim()) ?? [];
  if (field === '') throw new JqlError(`Error in the JQL Query: '${clause.trim()}' is not supported by this stub.`);
  const values = operand
    .replace(/^\(|\)$/g, '')
    .split(',')
    .map((value) => value.trim().replace(/^["']|["']$/g, ''));
  const wanted = values.map((value) => value.toLowerCase());
  return (issue) => {
    const actual = fieldText(issue, field.toLowerCase()).toLowerCase();
    if (operator === '~') return (wanted[0] ?? '').split(/\s+/).every((word) => actual.includes(word));
    return wanted.includes(actual) === (operator !== '!=');
  };
}

function fieldText(issue: Issue, field: string): string {
  if (field === 'key' || field === 'issuekey') return issue.key;
  if (field === 'text') return JSON.stringify(issue.fields);
  const value = issue.fields[field];
  if (value === undefined) {
    throw new JqlError(`Field '${field}' does not exist or you do not have permission to view it.`);
  }
  if (typeof value === 'string') return value;
  const { name, key } = (value ?? {}) as { name?: string; key?: string };
  return name ?? key ?? JSON.stringify(value);
}
