import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  getNamedType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  type GraphQLInputType,
  type GraphQLObjectType,
} from 'graphql';
import { table } from '../../src/permissions/table.js';
import { buildSchema } from '../../src/schema/index.js';
import { acts } from '../harness/acts.js';
import { MALFORMED, UNKNOWN } from '../harness/administration.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf } from '../harness/calls.js';
import { openScene, type Scene } from '../harness/scene.js';

const fields = (buildSchema().getType('Mutation') as GraphQLObjectType).getFields();
const mutations = Object.keys(fields).sort();
type Variables = Record<string, unknown>;
type Path = (string | number)[];

/** One place in the arguments of a mutation where a value goes. */
interface Leaf {
  /** From the argument down; 0 stands for the item of a list. */
  path: Path;
  type: string;
  isRequired: boolean;
}

function leavesOf(mutation: string): Leaf[] {
  const below = (type: GraphQLInputType, path: Path, isRequired = false): Leaf[] => {
    if (isNonNullType(type)) return below(type.ofType, path, true);
    if (isListType(type)) return below(type.ofType, [...path, 0]);
    if (!isInputObjectType(type)) return [{ path, type: String(type), isRequired }];
    return Object.values(type.getFields()).flatMap((field) => below(field.type, [...path, field.name]));
  };
  return fields[mutation]!.args.flatMap(({ name, type }) => below(type, [name]));
}

const nameOf = (mutation: string, { path }: Leaf) => `${mutation}: ${path.join('.')}`;
/** Things that are named by their name, as others are by an id. */
const NAMES = new Set(['deletePermission: name']);
const isId = (mutation: string, leaf: Leaf) => leaf.type === 'ID' || NAMES.has(nameOf(mutation, leaf));

/** What a complaint about the leaf calls it: its path inside the argument. */
const faultOf = ({ path }: Leaf) => (typeof path[1] === 'string' ? path.slice(1) : path).join('.');

/** The same arguments with another value in that place, and with whatever is missing on the way there. */
function withValue(given: unknown, [step, ...rest]: Path, value: unknown): unknown {
  if (step === undefined) return value;
  if (typeof step === 'number') {
    const list = [...((given ?? []) as unknown[])];
    list[step] = withValue(list[step], rest, value);
    return list;
  }
  const whole = (given ?? {}) as Variables;
  return { ...whole, [step]: withValue(whole[step], rest, value) };
}

/** The leaf; of a list that holds something sound already, the place behind that as well. */
function placesOf(leaf: Leaf, variables: Variables): Leaf[] {
  const list = leaf.path
    .slice(0, -1)
    .reduce<unknown>((whole, step) => (whole as Variables | undefined)?.[step], variables);
  const isList = leaf.path.at(-1) === 0 && Array.isArray(list) && list.length > 0;
  return isList ? [leaf, { ...leaf, path: [...leaf.path.slice(0, -1), list.length] }] : [leaf];
}

let app: TestApp;
let scene: Scene;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '1000' });
  scene = await openScene(app);
});
afterAll(async () => {
  await scene.close();
  await app.close();
});

/** A call that would succeed: by an owner, on the own account where it can be about no other. */
async function soundCall(mutation: string) {
  const { id: holderRoleId } = await scene.role({ rank: 1, permissions: [] });
  const actor = { ...(await scene.enter(await scene.seat(['OWNER']))), holderRoleId };
  const isOwn = table['Mutation']?.[mutation]?.target === 'self';
  const variables = await acts[mutation]!(scene, {
    actor,
    account: isOwn ? actor : await scene.seat(['USER']),
    role: { rank: 1, permissions: ['users:read'] },
    held: [await scene.permission()],
    scopes: ['users:read'],
  });
  /** Sends it with another value in one place. */
  const send = ({ path }: Leaf, value: unknown) =>
    sendAs(actor.access, mutation, withValue(variables, path, value) as Variables);
  return { variables, send };
}

const sound = new Map<string, ReturnType<typeof soundCall>>();
/** One for all that is refused, and so leaves it as it is. */
function soundCallOnce(mutation: string) {
  const call = sound.get(mutation) ?? soundCall(mutation);
  sound.set(mutation, call);
  return call;
}

function sendAs(bearer: string, mutation: string, variables: Variables): Promise<Answer> {
  const { args, type } = fields[mutation]!;
  const used = args.filter(({ name }) => name in variables);
  const declared = used.map(({ name, type: own }) => `$${name}: ${String(own)}`).join(', ');
  const given = used.map(({ name }) => `${name}: $${name}`).join(', ');
  const call = `${mutation}${given && `(${given})`}${isLeafType(getNamedType(type)) ? '' : ' { __typename }'}`;
  return app.graphql(`mutation${declared && ` (${declared})`} { ${call} }`, variables, { bearer });
}

/** Does the work, which must leave everything as it was. */
async function leavingAllAsItWas(work: () => Promise<void>): Promise<void> {
  const before = await scene.digest();
  await work();
  expect(await scene.digest()).toEqual(before);
}

describe('what is done', () => {
  it('is seen by the comparison that all below rests on', async () => {
    const look = async () => JSON.stringify(await scene.digest());
    const seen = [await look()];
    const account = await scene.seat(['USER']);
    seen.push(await look());
    await scene.session(account.id);
    seen.push(await look());
    await scene.look("update users set first_name = 'Other' where id = $1", [account.id]);
    seen.push(await look());
    expect(new Set(seen).size).toBe(4);
    expect(await look()).toBe(seen.at(-1));
  });
});

const withIds = mutations.filter((mutation) => leavesOf(mutation).some((leaf) => isId(mutation, leaf)));

describe('an id that nothing has', () => {
  it.each(withIds)('is told so by %s, well formed or not, and nothing is half done', async (mutation) => {
    const { variables, send } = await soundCallOnce(mutation);
    const somebody = await scene.seat(['USER']);
    const ofAnotherKind = mutation === 'revokeSession' ? somebody.id : await scene.session(somebody.id);
    await leavingAllAsItWas(async () => {
      for (const leaf of leavesOf(mutation).filter((one) => isId(mutation, one)))
        for (const place of placesOf(leaf, variables))
          for (const id of [UNKNOWN, ofAnotherKind, ...MALFORMED])
            expect([place.path, id, codeOf(await send(place, id))]).toEqual([place.path, id, 'NOT_FOUND']);
    });
  });
});

describe('a value of another type', () => {
  it.each(mutations.filter((mutation) => leavesOf(mutation).length > 0))(
    'is told by %s with the name of its place, and so is what is missing',
    async (mutation) => {
      const { variables, send } = await soundCallOnce(mutation);
      await leavingAllAsItWas(async () => {
        for (const leaf of leavesOf(mutation).flatMap((one) => placesOf(one, variables)))
          for (const wrong of leaf.isRequired
            ? [{}, { wrong: true }, null, undefined]
            : [{}, { wrong: true }]) {
            const answer = await send(leaf, wrong);
            const told = [leaf.path, wrong, codeOf(answer), faultsOf(answer)];
            expect(told).toEqual([leaf.path, wrong, 'BAD_USER_INPUT', [faultOf(leaf)]]);
          }
      });
    },
  );
});

/** No name, no sentence and no secret looks like this. */
const HOSTILE = ['x'.repeat(20_000), 'a\u0007b', 'a\0b', 'a\ud800b'];

/** What proves something is told to be wrong without a word on how, by the last name of its place; of a password, how is told. */
const PROOFS: Record<string, string[]> = {
  password: ['INVALID_CREDENTIALS', 'WEAK_PASSWORD'],
  currentPassword: ['INVALID_CREDENTIALS'],
  newPassword: ['WEAK_PASSWORD'],
  code: ['MFA_CODE_INVALID'],
  challengeToken: ['MFA_CHALLENGE_EXPIRED'],
  refreshToken: ['REFRESH_TOKEN_INVALID'],
  token: ['ONE_TIME_TOKEN_INVALID'],
};
/** Where what cannot be read is as good as nothing. */
const HARMLESS = [
  'revoke: token',
  'signIn: input.deviceToken',
  'verifyMfa: input.deviceToken',
  'signInWithPasskey: deviceToken',
  'verifyMfaWithPasskey: deviceToken',
];
const isHarmless = (mutation: string, leaf: Leaf) => HARMLESS.includes(nameOf(mutation, leaf));

/** All that is written as text, names of enum values and moments among it. */
const isText = ({ type }: Leaf) => !['ID', 'Int', 'Float', 'Boolean', 'JSON'].includes(type);
const textsOf = (mutation: string) =>
  leavesOf(mutation).filter((leaf) => isText(leaf) && !isId(mutation, leaf) && !isHarmless(mutation, leaf));

/** "refused" when that is told of this place, or of the list that it is in, or of a proof; else what was answered. */
function refusalOf(leaf: Leaf, answer: Answer): string {
  const code = codeOf(answer) ?? answer.body;
  if (PROOFS[String(leaf.path.at(-1))]?.includes(code)) return 'refused';
  const names = [faultOf(leaf), faultOf(leaf).replace(/\.\d+$/, '')];
  const isAboutIt = faultsOf(answer).length > 0 && faultsOf(answer).every((name) => names.includes(name));
  return code === 'BAD_USER_INPUT' && isAboutIt ? 'refused' : `${code} ${faultsOf(answer).join()}`;
}

describe('endless text, control characters, NUL and half a character', () => {
  it.each(mutations.filter((mutation) => textsOf(mutation).length > 0))(
    'are refused by %s wherever text goes, and nothing is half done',
    async (mutation) => {
      const { variables, send } = await soundCallOnce(mutation);
      await leavingAllAsItWas(async () => {
        for (const leaf of textsOf(mutation).flatMap((one) => placesOf(one, variables)))
          for (const text of HOSTILE) {
            const answer = await send(leaf, text);
            expect([leaf.path, text, refusalOf(leaf, answer)]).toEqual([leaf.path, text, 'refused']);
          }
      });
    },
  );

  it.each(HARMLESS)('are as good as nothing as %s', async (name) => {
    const [mutation = '', path = ''] = name.split(': ');
    const leaf = leavesOf(mutation).find((one) => one.path.join('.') === path)!;
    for (const text of HOSTILE) {
      const { send } = await soundCall(mutation);
      expect(codeOf(await send(leaf, text))).toBeUndefined();
    }
  });
});

/** For every name that is to be the only one of its kind: one that is taken already. */
const TAKEN: Record<string, () => Promise<string>> = {
  'signUp: input.email': async () => loud((await scene.seat(['USER'])).email),
  'signUp: input.username': async () => loud((await scene.seat(['USER'])).username),
  'createUser: input.email': async () => loud((await scene.seat(['USER'])).email),
  'createUser: input.username': async () => loud((await scene.seat(['USER'])).username),
  'updateMe: input.username': async () => loud((await scene.seat(['USER'])).username),
  'updateUser: input.email': async () => loud((await scene.seat(['USER'])).email),
  'updateUser: input.username': async () => loud((await scene.seat(['USER'])).username),
  'createRole: input.name': async () => loud((await scene.role({ rank: 1, permissions: [] })).name),
  'updateRole: input.name': async () => loud((await scene.role({ rank: 1, permissions: [] })).name),
  'createPermission: name': () => scene.permission(),
  'createBusinessRole: input.name': async () => loud((await scene.businessRole()).name),
  'updateBusinessRole: input.name': async () => loud((await scene.businessRole()).name),
  'createService: input.name': async () => (await scene.service()).name,
  'updateService: input.name': async () => (await scene.service()).name,
};
const loud = (text: string) => text.toUpperCase();

const deleted = async () => (await scene.seat(['USER'], { deleted_at: new Date() })).id;
const erased = async () => (await scene.seat(['USER'], { deleted_at: new Date(), erased_at: new Date() })).id;
const present = async () => (await scene.seat(['USER'])).id;

/** What something is like, so that what is asked for cannot be. */
const IN_THE_WAY: Record<string, () => Promise<string>> = {
  'updateUser: id': deleted,
  'suspendUser: id': deleted,
  'reinstateUser: id': deleted,
  'setUserRoles: userId': deleted,
  'setUserServices: userId': deleted,
  'resetUserMfa: userId': deleted,
  'resendInvitation: userId': present,
  'restoreUser: id': erased,
  'eraseUser: id': present,
  'deletePermission: name': () => Promise.resolve('users:read'),
  'deleteRole: id': async () => {
    const [user] = await scene.look<{ id: string }>("select id from roles where name = 'USER'");
    return user!.id;
  },
  'issueServiceToken: serviceId': () => scene.put('services', { name: 'closed', status: 'DISABLED' }),
  'rotateServiceToken: id': async () => {
    const { id } = await scene.serviceToken([]);
    await scene.asOwner('mutation ($id: ID!) { revokeServiceToken(id: $id) }', { id });
    return id;
  },
};

async function expectConflict(name: string, value: string): Promise<void> {
  const [mutation = ''] = name.split(': ');
  const leaf = leavesOf(mutation).find((one) => nameOf(mutation, one) === name)!;
  const { send } = await soundCallOnce(mutation);
  await leavingAllAsItWas(async () => {
    const answer = await send(leaf, value);
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['CONFLICT', [faultOf(leaf)]]);
  });
}

describe('what something is already', () => {
  it.each(Object.entries(IN_THE_WAY))('stands in the way of %s, and is told there', async (name, make) => {
    await expectConflict(name, await make());
  });
});

describe('a name that is taken', () => {
  const naming = mutations
    .filter((mutation) => /^(signUp|create|update)/.test(mutation))
    .flatMap((mutation) => leavesOf(mutation).map((leaf) => nameOf(mutation, leaf)))
    .filter((name) => /[ .](name|username|email)$/.test(name));

  it.each(naming)('is told as such: %s', async (name) => {
    await expectConflict(name, await TAKEN[name]!());
  });
});
