import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Calls by which the clock and chance get in, which src/app.ts passes in instead. */
const IMPURE = [
  {
    selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
    message: 'The Clock is passed in: use clock.now(). Intervals are measured with clock.monotonic().',
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'The Clock is passed in: use new Date(clock.now()), or now() of the database.',
  },
  {
    selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']",
    message:
      'Not random enough for secrets, not repeatable in tests: use node:crypto, or take it as an argument.',
  },
];

const PROCESS_ENV = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message:
    'src/config.ts is the only reader of the environment: add the variable there and pass the value in.',
};

const RAW =
  'CallExpression[callee.property.name=/^(raw|(where|orWhere|andWhere|orderBy|groupBy|having|join|from)Raw)$/]';
const RAW_MESSAGE =
  'Values go into bindings: raw("… ?", [value]); only SCREAMING_CASE constants of the same file may be spliced in.';

/** SQL that is put together from anything but constants. */
const SQL = [
  {
    selector: `${RAW} > TemplateLiteral.arguments:first-child > .expressions:not([name=/^[A-Z][A-Z0-9_]*$/])`,
    message: RAW_MESSAGE,
  },
  { selector: `${RAW} > BinaryExpression.arguments:first-child`, message: RAW_MESSAGE },
];

/** Libraries that one room owns, and where the others turn. */
const FENCES = [
  { name: 'jose', message: 'Only src/domain/tokens and issuers verify signatures: ask those doors.' },
  { name: '@simplewebauthn/server', message: 'Only src/domain/passkeys speaks WebAuthn: ask that door.' },
  { name: 'bcrypt', message: 'Only src/domain/passwords hashes: ask that door.' },
  {
    name: 'type-graphql',
    message: 'GraphQL is the business of src/schema and src/resolvers; the domain takes plain values.',
  },
  { name: 'graphql-shield', message: 'Permissions are rows of src/permissions/table.ts.' },
  {
    name: 'knex',
    message: 'Connections are made in src/db; others use transactions and models.',
    allowTypeImports: true,
  },
  { name: 'pg', message: 'Connections are made in src/db.', allowTypeImports: true },
  { name: 'ioredis', message: 'Connections are made in src/db/redis.ts.', allowTypeImports: true },
];

const fencesBut = (...owned) => ['error', { paths: FENCES.filter(({ name }) => !owned.includes(name)) }];

/** A room may use the libraries that it owns. */
const room = (files, ...owned) => ({
  files,
  rules: { '@typescript-eslint/no-restricted-imports': fencesBut(...owned) },
});

export default tseslint.config(
  {
    ignores: ['**/dist/', 'coverage/', 'node_modules/', '.data/', 'packages/client/src/generated/'],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Resolvers and GraphQL types are classes because type-graphql asks for it.
      '@typescript-eslint/no-extraneous-class': [
        'error',
        { allowWithDecorator: true, allowStaticOnly: false },
      ],
      // `||` also takes the empty string for "not given", which is often what a variable of the environment means.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
      // Passwords and names are counted in code points, which is what spreading gives.
      '@typescript-eslint/no-misused-spread': [
        'error',
        { allow: [{ from: 'lib', name: 'string' }, 'string'] },
      ],
      // Both ways of reading a record are fine; noPropertyAccessFromIndexSignature is not set.
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/unified-signatures': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...SQL, ...IMPURE, PROCESS_ENV],
      '@typescript-eslint/no-restricted-imports': fencesBut(),
      'max-lines': ['error', { max: 350 }],
    },
  },
  { files: ['migrations/**/*.ts'], rules: { 'no-restricted-syntax': ['error', ...IMPURE, PROCESS_ENV] } },
  room(['src/domain/tokens.ts', 'src/domain/tokens/**', 'src/domain/issuers.ts'], 'jose'),
  room(['src/domain/passwords.ts', 'src/domain/passwords/**'], 'bcrypt'),
  room(['src/domain/passkeys/**'], '@simplewebauthn/server'),
  room(['src/schema/**', 'src/resolvers/**'], 'type-graphql'),
  room(['src/permissions/**'], 'type-graphql', 'graphql-shield'),
  room(['src/db/**'], 'knex', 'pg', 'ioredis'),
  {
    // Where the world gets in: the environment is read, the clock starts.
    files: [
      'src/config.ts',
      'src/main.ts',
      'src/migrate.ts',
      'src/restored.ts',
      'src/seed.ts',
      'src/users-import.ts',
      'src/audit-*.ts',
    ],
    rules: { 'no-restricted-syntax': ['error', ...SQL] },
  },
  {
    files: ['src/app.ts', 'src/clock.ts'],
    rules: { 'no-restricted-syntax': ['error', ...SQL, PROCESS_ENV] },
  },
  {
    // PATH, where the system's programs are, is no setting of ours.
    files: ['src/db/embedded/launcher.ts'],
    rules: { 'no-restricted-syntax': ['error', ...SQL, ...IMPURE] },
  },
  {
    // Tests take answers apart as they come off the wire.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: {
      ecmaVersion: 2023,
      globals: Object.fromEntries(
        [
          ...['Buffer', 'URL', 'URLSearchParams', 'console', 'fetch', 'performance', 'process', 'globalThis'],
          ...['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'AbortSignal'],
          ...['SharedArrayBuffer', 'Atomics', 'structuredClone', 'module', 'require', 'queueMicrotask'],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
);
