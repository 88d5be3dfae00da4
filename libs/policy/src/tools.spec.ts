import fc from 'fast-check';
import { matchesGlob } from './tools.js';

test.each([
  ['get_account', 'get_*', true],
  ['get_account', '*account', true],
  ['get_account', '*_acc*', true],
  ['get_account', 'get_accoun?', true],
  ['get_account', 'get_account?', false],
  ['get_account', 'GET_*', false],
  ['ns/deep/er', 'ns/*', true],
  ['..', '*', true],
  ['', '*', true],
  ['a+b', 'a+b', true],
  ['aab', 'a+b', false],
  ['get_account', '', false],
])('%s fits %s: %s', (text, glob, fits) => {
  expect(matchesGlob(text, glob)).toBe(fits);
});

test('agrees with a regular expression of the same meaning', () => {
  const letters = (...of: string[]) => fc.array(fc.constantFrom(...of), { maxLength: 10 }).map((all) => all.join(''));
  fc.assert(
    fc.property(letters('a', 'b'), letters('a', 'b', '*', '?'), (text, glob) => {
      const pattern = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`);
      expect(matchesGlob(text, glob)).toBe(pattern.test(text));
    }),
    { numRuns: 5_000 },
  );
});
