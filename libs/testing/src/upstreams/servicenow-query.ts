// ServiceNow's encoded queries, as far as the stub needs them: `a=1^b=2^ORb=3` is a=1 and (b=2 or b=3), `ORDERBY` and
// `ORDERBYDESC` sort, and a condition on a field that does not exist is ignored, as ServiceNow does by default.

/** A record; the Table API has strings only. */
export type Row = Record<string, string>;

const CONDITION = /^(\w+?)(!=|=|LIKE|STARTSWITH|IN)(.*)$/;
const OPERATORS: Readonly<Record<string, (value: string, operand: string) => boolean>> = {
  '=': (value, operand) => value === operand,
  '!=': (value, operand) => value !== operand,
  LIKE: (value, operand) => value.toLowerCase().includes(operand.toLowerCase()),
  STARTSWITH: (value, operand) => value.toLowerCase().startsWith(operand.toLowerCase()),
  IN: (value, operand) => operand.split(',').includes(value),
};

/** The rows that an encoded query selects, in its order. */
export function selectRows(rows: readonly Row[], encodedQuery: string): Row[] {
  const [orders, conditions] = partition(encodedQuery.split('^').filter(Boolean), (term) => term.startsWith('ORDERBY'));
  const groups: string[][] = [];
  for (const condition of conditions) {
    if (condition.startsWith('OR') && groups.length > 0) groups.at(-1)?.push(condition.slice(2));
    else groups.push([condition]);
  }
  const found = rows.filter((row) => groups.every((group) => group.some((condition) => holds(row, condition))));
  return orders.reduceRight(sortBy, found);
}

function holds(row: Row, condition: string): boolean {
  const [, field = '', operator = '', operand = ''] = CONDITION.exec(condition) ?? [];
  const value = row[field];
  return value === undefined || (OPERATORS[operator]?.(value, operand) ?? true);
}

function sortBy(rows: Row[], order: string): Row[] {
  const descending = order.startsWith('ORDERBYDESC');
  const field = order.slice(descending ? 'ORDERBYDESC'.length : 'ORDERBY'.length);
  const sorted = rows.toSorted((a, b) => (a[field] ?? '').localeCompare(b[field] ?? ''));
  return descending ? sorted.reverse() : sorted;
}

function partition<T>(values: readonly T[], test: (value: T) => boolean): [T[], T[]] {
  return [values.filter(test), values.filter((value) => !test(value))];
}
