// What a test opens is closed after it, the last first.

/** Called once in a spec file; what it returns notes something to close and passes it on. */
export function closingAfterEach(): <T extends { close(): Promise<unknown> }>(one: T) => T {
  const opened: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });
  return (one) => {
    opened.push(one);
    return one;
  };
}
