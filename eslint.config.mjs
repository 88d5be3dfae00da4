// The dependency rule of the workspace, the size limits, and what keeps the pure libraries pure.
// `tools/boundary-canary.mjs` proves that the dependency rule is awake.
import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const SDKS = ['nats', '@modelcontextprotocol/*', '@clickhouse/*', 'jose', 'chdb'];
const LIBS = ['type:kernel', 'type:domain', 'type:contract', 'type:adapter', 'type:host', 'type:client'];

/** An adapter may import its own SDK and none of the others. */
const onlySdk = (tag, sdk) => ({
  sourceTag: tag,
  onlyDependOnLibsWithTags: ['*'],
  bannedExternalImports: SDKS.filter((name) => name !== sdk),
});

const boundaries = (extra = []) => [
  'error',
  {
    allow: [],
    banTransitiveDependencies: false,
    enforceBuildableLibDependency: false,
    depConstraints: [
      {
        sourceTag: 'type:kernel',
        onlyDependOnLibsWithTags: ['type:kernel', ...extra],
        allowedExternalImports: extra.length > 0 ? ['*'] : [],
      },
      {
        sourceTag: 'type:domain',
        onlyDependOnLibsWithTags: ['type:kernel', 'type:domain', ...extra],
        allowedExternalImports: extra.length > 0 ? ['*'] : [],
      },
      {
        sourceTag: 'type:contract',
        onlyDependOnLibsWithTags: ['type:kernel', ...extra],
        allowedExternalImports: extra.length > 0 ? ['*'] : ['zod'],
      },
      {
        sourceTag: 'type:adapter',
        onlyDependOnLibsWithTags: ['type:kernel', 'type:contract', 'type:adapter', ...extra],
      },
      {
        sourceTag: 'type:host',
        onlyDependOnLibsWithTags: ['type:kernel', 'type:contract', 'type:adapter', 'type:host', ...extra],
      },
      {
        sourceTag: 'type:client',
        onlyDependOnLibsWithTags: ['type:kernel', 'type:contract', 'type:adapter', ...extra],
        bannedExternalImports: SDKS,
      },
      {
        sourceTag: 'type:app',
        onlyDependOnLibsWithTags: [...LIBS, ...extra],
        bannedExternalImports: SDKS.filter((name) => name !== 'chdb'),
      },
      { sourceTag: 'type:example', onlyDependOnLibsWithTags: ['type:client', ...extra] },
      { sourceTag: 'type:testing', onlyDependOnLibsWithTags: ['*'] },
      { sourceTag: 'runtime:any', onlyDependOnLibsWithTags: ['runtime:any', ...extra] },
      onlySdk('sdk:nats', 'nats'),
      onlySdk('sdk:mcp', '@modelcontextprotocol/*'),
      onlySdk('sdk:clickhouse', '@clickhouse/*'),
      onlySdk('sdk:jose', 'jose'),
    ],
  },
];

export default [
  { ignores: ['**/dist', '**/node_modules', '.nx', '.flow-mcp'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': boundaries(),
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
      'max-depth': ['error', 3],
      complexity: ['error', 12],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['**/*.spec.ts'],
    rules: {
      '@nx/enforce-module-boundaries': boundaries(['type:testing', 'type:adapter', 'type:contract', 'type:client']),
      'max-lines-per-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['libs/{kernel,call,policy,contracts}/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['node:*', 'fs', 'path', 'crypto', 'timers'], message: 'Pure lib: no I/O. Pass data in.' },
          ],
        },
      ],
      'no-restricted-globals': [
        'error',
        'process',
        'fetch',
        'setTimeout',
        'setInterval',
        'crypto',
        'performance',
        'console',
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Pure lib: take the time as an argument.',
        },
        {
          selector: "MemberExpression[object.name='Date'][property.name='now']",
          message: 'Pure lib: take the time as an argument.',
        },
        {
          selector: "MemberExpression[object.name='Math'][property.name='random']",
          message: 'Pure lib: take the id or seed as an argument.',
        },
      ],
    },
  },
];
