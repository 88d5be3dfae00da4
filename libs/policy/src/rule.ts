/** The rule that decided: a stable id for queries, and words for people. */
export interface Rule {
  readonly id: string;
  readonly text: string;
}
