import { buildSubgraphSchema } from '@apollo/subgraph';
import { describe, expect, it } from '@jest/globals';
import { buildSchema as readSchema, graphql, isObjectType, parse, type GraphQLSchema } from 'graphql';
import { makeContext, type App } from '../../src/context.js';
import type { Actor } from '../../src/domain/access.js';
import { limits, openLimiters, type LimitName } from '../../src/domain/limits.js';
import { doorLimits } from '../../src/http/doors.js';
import { guard } from '../../src/permissions/guard.js';
import { anyone, visitor, type Rule } from '../../src/permissions/rules.js';
import { credentialMutations, table, type Row } from '../../src/permissions/table.js';
import { buildSchema, printSubgraph } from '../../src/schema/index.js';

const rows: Record<string, Record<string, Row>> = table;

/** Every field of every object type that is not GraphQL's own, as `Type.field`. */
function fieldsOf(schema: GraphQLSchema): string[] {
  return Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter((type) => !type.name.startsWith('__'))
    .flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`));
}

const rowNames = () =>
  Object.entries(rows).flatMap(([type, fields]) => Object.keys(fields).map((field) => `${type}.${field}`));
const without = (names: string[], others: string[]) => names.filter((name) => !others.includes(name));

/** What nobody but the account itself and who may look after it may read. */
const PRIVATE = [
  ...[
    'middleName',
    'email',
    'phone',
    'telegram',
    'country',
    'birthDate',
    'role',
    'roles',
    'permissions',
    'services',
  ],
  ...[
    'status',
    'isEmailVerified',
    'mfaEnabled',
    'passwordChangedAt',
    'lastSignInAt',
    'updatedAt',
    'deletedAt',
    'sessions',
    'passkeys',
  ],
];
const PUBLIC = ['id', 'username', 'firstName', 'lastName', 'createdAt'];

describe('the table of permissions', () => {
  const schema = buildSchema();

  it('has a row for every field of the graph', () => {
    expect(without(fieldsOf(schema), rowNames())).toEqual([]);
  });

  it('has no row for what the graph does not have', () => {
    expect(without(rowNames(), fieldsOf(schema))).toEqual([]);
  });

  it('is missed by a field that somebody added and forgot here', () => {
    const grown = readSchema('type Query { me: String secrets: String } type Diary { entry: String }');
    expect(without(fieldsOf(grown), rowNames())).toEqual(['Query.secrets', 'Diary.entry']);
  });

  it('gives every question and every mutation a limit, and names only limits that there are', () => {
    const roots = [schema.getQueryType(), schema.getMutationType()].filter(
      (type) => type !== null && type !== undefined,
    );
    const unlimited = roots.flatMap((type) =>
      Object.keys(type.getFields()).filter((field) => !rows[type.name]?.[field]?.limit),
    );
    expect(unlimited).toEqual([]);
    const named = Object.values(rows).flatMap((fields) => Object.values(fields).map(({ limit }) => limit));
    expect(named.filter((limit) => limit !== undefined && !(limit in limits))).toEqual([]);
  });

  it('and its doors leave no limit that nothing draws on', () => {
    const IN_THE_DOMAIN = [
      ...['secretChecks', 'secretChecksOnDevice', 'secretChecksOnFormerDevices', 'secretChecksInSession'],
      ...['callsByService', 'proofsFromAddress'],
      ...['failuresFromAddress', 'failuresByService', 'failuresOverall'],
      ...[
        'mailToAddress',
        'noticesToAddress',
        'undoLinksToAddress',
        'emailChangesByAccount',
        'exportsByAccount',
      ],
    ];
    const fields = Object.values(rows).flatMap((type) => Object.values(type).map(({ limit }) => limit));
    const drawn = new Set([...fields, ...Object.values(doorLimits), ...IN_THE_DOMAIN]);
    expect(Object.keys(limits).filter((name) => !drawn.has(name as LimitName))).toEqual([]);
  });

  it('has a limit for every door but health', () => {
    const free = Object.entries(doorLimits).filter(([, limit]) => limit === null);
    expect(free.map(([path]) => path)).toEqual(['/health', '/health/live', '/health/ready']);
  });

  it('says of every mutation that names an account or a role whom it may be', () => {
    const NAMES = /^(userId|roleIds?)$/;
    const ABOUT = /User|Role/;
    const mutations = Object.values(schema.getMutationType()?.getFields() ?? {});
    const naming = mutations.filter(
      ({ name, args }) => args.some((arg) => NAMES.test(arg.name)) || (ABOUT.test(name) && args.length > 0),
    );
    expect(naming.length).toBeGreaterThan(15);
    expect(naming.map(({ name }) => name).filter((name) => !rows['Mutation']?.[name]?.target)).toEqual([]);
  });

  it('guards every field of an account but those that anybody who reaches it may read', () => {
    const user = rows['User'] ?? {};
    expect(Object.keys(user).sort()).toEqual([...PUBLIC, ...PRIVATE].sort());
    expect(PRIVATE.filter((field) => user[field]?.rule === anyone)).toEqual([]);
    expect(PUBLIC.filter((field) => user[field]?.rule !== anyone)).toEqual([]);
  });

  it('lets a guarded field be null, so that refusing it loses nothing else', () => {
    const user = schema.getType('User');
    const fields = isObjectType(user) ? user.getFields() : {};
    expect(PRIVATE.filter((field) => String(fields[field]?.type).endsWith('!'))).toEqual([]);
  });

  it('leaves nothing at the root to anyone but entering, what a link or token proves, and the SDL', () => {
    const openAt = (type: string, to: Rule = anyone) =>
      Object.entries(rows[type] ?? {})
        .filter(([, { rule }]) => rule === to)
        .map(([field]) => field);
    expect(openAt('Query')).toEqual(['_service']);
    expect(openAt('Mutation')).toEqual(['revoke']);
    expect(openAt('Mutation', visitor).sort()).toEqual(
      [
        'confirmEmailChange',
        'forgotPassword',
        'resetPassword',
        'refresh',
        'resendVerificationEmail',
        'signIn',
        'signUp',
        'undoEmailChange',
        'verifyEmail',
        'verifyMfa',
        'passkeySignInOptions',
        'signInWithPasskey',
        'passkeyChallengeOptions',
        'verifyMfaWithPasskey',
      ].sort(),
    );
  });

  it('counts every mutation that takes a password or a mailed secret as one that checks a credential', () => {
    const SECRET = /password|code|login|secret/i;
    const mutation = schema.getMutationType();
    const taking = Object.values(mutation?.getFields() ?? {}).filter(({ args }) =>
      args.some(({ name, type }) => SECRET.test(name) || /SignUp|SignIn/.test(String(type))),
    );
    expect(
      without(
        taking.map(({ name }) => name),
        [...credentialMutations],
      ),
    ).toEqual([]);
  });
});

describe('at run time', () => {
  const owner: Actor = {
    kind: 'user',
    id: 'ana',
    sessionId: 's',
    aal: 1,
    roles: ['OWNER'],
    permissions: new Set(['users:read', 'users:manage', 'roles:manage', 'keys:manage']),
    rank: 100,
  };
  const grown = guard(
    buildSubgraphSchema([
      {
        typeDefs: parse(`${printSubgraph()}
          extend type Query { forgotten: String diary: Diary }
          extend type Mutation { forgottenToo: Boolean }
          extend type User { passwordHash: String }
          type Diary { entry: String }`),
      },
    ]),
  );
  const rootValue = {
    me: { id: 'ana', username: 'ana', email: 'ana@example.test', passwordHash: 'the hash' },
    forgotten: 'leaked',
    forgottenToo: true,
    diary: { entry: 'leaked' },
  };
  const run = (source: string) => {
    const client = { ipAddress: null, network: null, userAgent: null, location: null, requestId: 'r' };
    // Nobody looks at what the witness is told here.
    const counters = { config: { limits: { scale: 1 } }, clock: { monotonic: () => 0 } };
    const limiters = openLimiters(counters as unknown as Parameters<typeof openLimiters>[0]);
    const app = { witness: { denied: () => undefined }, limiters } as unknown as App;
    const contextValue = makeContext(app, owner, undefined, client);
    return graphql({ schema: grown, source, rootValue, contextValue });
  };

  it('denies a field without a row to everybody, owners included, and loses nothing else', async () => {
    const { data, errors } = await run(
      '{ me { id email passwordHash } forgotten diary { entry } _service { sdl } }',
    );
    expect(data).toEqual({
      me: { id: 'ana', email: 'ana@example.test', passwordHash: null },
      forgotten: null,
      diary: null,
      _service: { sdl: expect.stringContaining('passwordHash') },
    });
    expect(errors?.map(({ path }) => path?.join('.')).sort()).toEqual([
      'diary',
      'forgotten',
      'me.passwordHash',
    ]);
    expect(errors?.map(({ extensions }) => extensions['code'])).toEqual([
      'FORBIDDEN',
      'FORBIDDEN',
      'FORBIDDEN',
    ]);
  });

  it('denies a mutation without a row', async () => {
    const { data, errors } = await run('mutation { forgottenToo }');
    expect(data).toEqual({ forgottenToo: null });
    expect(errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  });
});
