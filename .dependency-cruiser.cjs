/**
 * Who may import whom. Each rule's comment says where the code should go instead.
 * The rooms are described in docs/architecture.md.
 */

/** The domain's doors as a ladder: each rung may use its own and those below, never those above. */
const LADDER = [
  [
    'clock',
    'chance',
    'ids',
    'client',
    'input',
    'sealing',
    'pages',
    'one-time',
    'address-changes',
    'same-time',
    'turns',
    'outbox',
    'outgoing',
    'deliveries',
    'compact',
    'introspected',
    'meters',
    'tracing',
    'lasting',
  ],
  ['audit', 'devices', 'limits', 'mail', 'revocations', 'secret-checks', 'witness', 'ledger'],
  ['passwords', 'tokens', 'issuers', 'access', 'administration', 'catalogue', 'verdict'],
  [
    'accounts',
    'services',
    'service-tokens',
    'service-jwts',
    'business-roles',
    'service-access',
    'sessions',
    'mfa',
    'passkeys',
    'permissions',
    'roles',
    'verification',
    'foreign-tokens',
    'edge',
    'watch',
  ],
  [
    'signin',
    'signup',
    'credentials',
    'revoking',
    'introspection',
    'token-exchange',
    'email-verification',
    'email-change',
    'recovery',
    'invitations',
    'owner',
    'presets',
    'imports',
    'restore',
    'reports',
    'alerts',
  ],
];

/** A door and the private folder behind it. */
const rung = (names) => `^src/domain/(${names.join('|')})(\\.ts$|/)`;

const ladder = LADDER.slice(0, -1).map((names, index) => ({
  name: `ladder-${names[0]}-and-its-like-import-nothing-above`,
  comment: `Doors are a ladder. Pass what is needed in as an argument, or move the flow up to ${LADDER.at(-1).join(', ')}.`,
  severity: 'error',
  from: { path: rung(names) },
  to: { path: rung(LADDER.slice(index + 1).flat()) },
}));

const rule = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to });

/** Everything in src that a room may not import, given what it may. */
const allBut = (...allowed) => ({ path: '^src/', pathNot: allowed });
const ERRORS = '^src/errors\\.ts$';
const CONFIG = '^src/config(\\.ts$|/)';
const DOORS = '^src/domain/[^/]+\\.ts$';

module.exports = {
  forbidden: [
    rule(
      'schema-holds-no-logic',
      { path: '^src/schema/', pathNot: '^src/schema/index\\.ts$' },
      allBut('^src/schema/', DOORS),
      'The schema says what the graph says. Logic goes to src/domain, the call to it to src/resolvers; from the domain only enums may be imported.',
    ),
    rule(
      'schema-index-builds-the-schema',
      { path: '^src/schema/index\\.ts$' },
      allBut('^src/schema/', DOORS, '^src/permissions/', '^src/resolvers/'),
      'src/schema/index.ts takes the list of resolvers and puts the guard around the schema. All else is composed in src/app.ts.',
    ),
    rule(
      'resolvers-call-the-domain',
      { path: '^src/resolvers/' },
      allBut('^src/resolvers/', '^src/schema/', DOORS, ERRORS, '^src/context\\.ts$', '^src/db/loaders\\.ts$'),
      'A resolver makes one call to a door of src/domain. Queries go into that door; who may call goes into src/permissions/table.ts.',
    ),
    rule(
      'resolvers-know-loaders-as-types',
      { path: '^src/resolvers/' },
      { path: '^src/(db|context\\.ts)', dependencyTypesNot: ['type-only'] },
      'Loaders and the context arrive with the request: import their types only.',
    ),
    rule(
      'permissions-ask-access',
      { path: '^src/permissions/' },
      allBut('^src/permissions/', ERRORS, '^src/domain/(access|limits)\\.ts$', '^src/context\\.ts$'),
      'Rules decide from the actor in the context, and rows name limits. What needs the database is a question for src/domain/access.ts.',
    ),
    rule(
      'permissions-know-the-context-as-a-type',
      { path: '^src/permissions/' },
      { path: '^src/context\\.ts$', dependencyTypesNot: ['type-only'] },
      'The context arrives with the request: import its type only.',
    ),
    rule(
      'domain-knows-no-graphql',
      { path: '^src/domain/' },
      allBut('^src/domain/', '^src/db/', ERRORS, CONFIG),
      'The domain knows neither GraphQL nor HTTP. Take plain arguments; unwrap requests in src/resolvers, src/context.ts or src/http.ts.',
    ),
    rule(
      'domain-folder-is-private',
      { path: '^src/', pathNot: '^src/domain/' },
      { path: '^src/domain/[^/]+/' },
      'src/domain/x/ belongs to src/domain/x.ts: export what is needed from that door.',
    ),
    rule(
      'domain-folder-is-private-to-its-door',
      { path: '^src/domain/([^/.]+)(\\.ts$|/)' },
      { path: '^src/domain/[^/]+/', pathNot: '^src/domain/$1/' },
      'src/domain/x/ belongs to src/domain/x.ts: import that door instead.',
    ),
    ...ladder,
    rule(
      'every-door-has-a-rung',
      { path: '^src/' },
      { path: '^src/domain/', pathNot: LADDER.map(rung) },
      'A new door of the domain: give it its rung in LADDER, in .dependency-cruiser.cjs.',
    ),
    rule(
      'db-knows-only-itself',
      { path: '^src/db/' },
      allBut('^src/db/'),
      'src/db holds connections and tables. What decides goes to src/domain; settings come as arguments from src/app.ts.',
    ),
    rule(
      'embedded-folder-is-private',
      { path: '^src/', pathNot: '^src/db/embedded' },
      { path: '^src/db/embedded/' },
      'Import src/db/embedded.ts.',
    ),
    rule(
      'doors-of-the-house',
      { path: '^src/(context\\.ts$|http\\.ts$|http/)' },
      allBut('^src/http', '^src/context\\.ts$', ERRORS, CONFIG, DOORS, '^src/db/'),
      'The context and the HTTP doors call the domain. The GraphQL schema is handed to them by src/app.ts.',
    ),
    rule(
      'observability-looks-on',
      { path: '^src/observability' },
      allBut('^src/observability', ERRORS, CONFIG, DOORS),
      'What watches the service is told by src/domain/meters.ts and tracing.ts, and is handed what it looks at by src/app.ts.',
    ),
    rule(
      'errors-and-config-stand-alone',
      { path: [ERRORS, CONFIG] },
      allBut(ERRORS, CONFIG),
      'Everybody imports these, so they import nobody.',
    ),
    rule(
      'nobody-imports-the-top',
      { path: '^src/', pathNot: '^src/(app|stateless|serve|main|migrate|seed|users-import)\\.ts$' },
      { path: '^src/(app|stateless|serve|main|migrate|seed|users-import)\\.ts$' },
      'src/app.ts composes everything. What others need of it belongs into a room below; pass it in.',
    ),
    rule(
      'outside-of-the-service',
      { path: '^(packages/|web/|gateway/|migrations/)' },
      { path: '^src/' },
      'The client, the pages and the gateway know the service by its contract alone: use generated types. Migrations must not change with src: write the SQL out.',
    ),
    rule(
      'no-cycles',
      { path: '^(src|gateway|bench|faults|packages|test)/' },
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
      'Modules that import each other load in an order nobody can see. Move what both need into a third file, or pass it in.',
    ),
    rule(
      'no-cycles-of-types',
      { path: '^src/', pathNot: '^src/schema/' },
      { circular: true },
      'Only GraphQL types may speak of each other in circles. Move the type that both need into a file of its own.',
    ),
    rule(
      'no-packages-for-development-in-the-service',
      { path: '^(src|migrations)/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
      'The service runs without development packages: move it to "dependencies", or do without.',
    ),
    // What is built need not be there yet.
    rule(
      'everything-resolves',
      {},
      { couldNotResolve: true, pathNot: 'packages/client/dist/' },
      'A file or package that does not exist.',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^dist/', '^packages/client/dist/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.d.ts'],
    },
  },
};
