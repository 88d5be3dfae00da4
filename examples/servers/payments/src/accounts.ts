// The business this server fronts; replace it with yours.
import { z } from 'zod';

export const planSchema = z.enum(['starter', 'team', 'enterprise', 'custom']);

export const accountSchema = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  plan: planSchema,
  monthlyCents: z.number().int(),
});

export type Account = z.infer<typeof accountSchema>;

/** A fresh set of sample accounts, by id. */
export function sampleAccounts(): Map<string, Account> {
  const accounts: Account[] = [
    { id: 'acc-1001', name: 'Ada Lovelace', email: 'ada@example.com', plan: 'team', monthlyCents: 4_900 },
    { id: 'acc-1002', name: 'Grace Hopper', email: 'grace@example.com', plan: 'enterprise', monthlyCents: 49_900 },
    { id: 'acc-1003', name: 'Katherine Johnson', email: 'katherine@example.com', plan: 'starter', monthlyCents: 0 },
  ];
  return new Map(accounts.map((account) => [account.id, account]));
}
