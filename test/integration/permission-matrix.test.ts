import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GraphQLObjectType } from 'graphql';
import { platform } from '../../src/domain/presets/platform.js';
import { serviceScopes } from '../../src/domain/service-tokens/scopes.js';
import { table, type Row } from '../../src/permissions/table.js';
import { buildSchema } from '../../src/schema/index.js';
import { acts, type Case, type Performer } from '../harness/acts.js';
import { startApp, type Answer, type Asking, type TestApp } from '../harness/app.js';
import { operationOf } from '../harness/operations.js';
import { addPasskey, optionsIn, passkeysOf } from '../harness/passkeys.js';
import { openScene, type RoleSpec, type Scene } from '../harness/scene.js';

const DOCUMENT = readFileSync(new URL('../../docs/permissions.md', import.meta.url), 'utf8');
const rows: Record<string, Row> = table['Mutation'] ?? {};
const fields = (buildSchema().getType('Mutation') as GraphQLObjectType).getFields();
const ROLES = platform.roles.map(({ name }) => name);

/** Who asks, and what is known of them that decides. */
interface Actor {
  name: string;
  asking: Asking;
  isService?: boolean;
  /** Of an account. */
  standing?: RoleSpec & { performer: Performer };
}

/** One of the targets that a mutation may name, as far as it differs from what is harmless. */
interface Subject {
  name: string;
  isSelf?: boolean;
  accountRole?: string;
  role?: RoleSpec;
  held?: string[];
  scopes?: string[];
}

let app: TestApp;
let scene: Scene;
let actors: Actor[];
let application: { held: string; beyond: string };
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '1000' });
  scene = await openScene(app);
  application = { held: await scene.permission(), beyond: await scene.permission() };
  actors = [
    { name: 'anonymous', asking: { bearer: 'not-a-token' } },
    { name: 'gateway', asking: {} },
    await serviceWith('service', []),
    await serviceWith('service with every scope', Object.keys(serviceScopes)),
    ...(await Promise.all(ROLES.map(actorAs))),
  ];
});
afterAll(async () => {
  await scene.close();
  await app.close();
});

async function serviceWith(name: string, scopes: string[]): Promise<Actor> {
  const { token } = await scene.serviceToken(scopes);
  return { name, asking: { bearer: token }, isService: true };
}

/** Somebody with a built-in role, and one of their own that carries a permission of an application. */
async function actorAs(name: string): Promise<Actor> {
  const held = platform.roles.find((role) => role.name === name) as RoleSpec;
  const performer = await performAs(name);
  const permissions = [...held.permissions, application.held];
  return {
    name,
    asking: { bearer: performer.access },
    standing: { rank: held.rank, permissions, performer },
  };
}

async function performAs(name: string): Promise<Performer> {
  const holder = await scene.role({ rank: 1, permissions: [application.held] });
  const person = await scene.enter(await scene.seat([name, holder.name]));
  return { ...person, holderRoleId: holder.id };
}

const isOwner = ({ name }: Actor) => name === 'OWNER';
const holds = (actor: Actor, permission: string) =>
  isOwner(actor) || actor.standing?.permissions.includes(permission) === true;

/** Who is let through by a rule of the table, by its name; a name that is a permission lets its holders through. */
const RULES: Record<string, (actor: Actor, subject: Subject) => boolean> = {
  anyone: () => true,
  'anyone but a service': ({ isService }) => !isService,
  'signed in': ({ standing }) => standing !== undefined,
  'own, users:export': (actor, { isSelf }) => isSelf === true || holds(actor, 'users:export'),
};

function passes(actor: Actor, rule: string, subject: Subject): boolean {
  const judge = /^[a-z]+:[a-z]+$/.test(rule) ? () => holds(actor, rule) : RULES[rule];
  if (!judge) throw new Error(`Say here whom the rule "${rule}" lets through.`);
  return judge(actor, subject);
}

/** What each word of the table's third column answers about a target: nothing, or the code of the refusal. */
const WORDS: Record<string, (actor: Actor, subject: Subject) => string | undefined> = {
  self: (_actor, { isSelf }) => refuseUnless(isSelf),
  lower: (actor, subject) => refuseUnless(outranks(actor, rankOf(actor, subject))),
  'sessions:manage': (actor, subject) =>
    holds(actor, 'sessions:manage') ? refuseUnless(outranks(actor, rankOf(actor, subject))) : 'NOT_FOUND', // whether or not there is such a session
  'users:export': (actor) => refuseUnless(holds(actor, 'users:export')),
  role: (actor, { role }) =>
    refuseUnless(
      outranks(actor, role?.rank ?? 0) && (role?.permissions ?? []).every((name) => holds(actor, name)),
    ),
  scopes: (actor, { scopes = [] }) =>
    refuseUnless(scopes.every((scope) => holds(actor, serviceScopes[scope]!.givenBy))),
  held: (actor, { held = [] }) => refuseUnless(held.every((name) => holds(actor, name))),
};
const refuseUnless = (isAllowed: boolean | undefined) => (isAllowed ? undefined : 'FORBIDDEN');
const rankOf = (actor: Actor, { isSelf, accountRole = 'USER' }: Subject) =>
  platform.roles.find(({ name }) => name === (isSelf ? actor.name : accountRole))?.rank ?? 0;
const outranks = (actor: Actor, rank: number) => isOwner(actor) || (actor.standing?.rank ?? 0) > rank;

/** What cannot be, though the table allows it. */
const IMPOSSIBLE: Record<string, string> = {
  'eraseUser: OWNER → self': 'CONFLICT', // only what is deleted is erased, and who is deleted does not act
  'resendInvitation: OWNER → self': 'CONFLICT', // whoever signed in has a password already
};

/** What a cell must answer, worked out from the row, ranks and permissions alone. */
function expected(mutation: string, actor: Actor, subject: Subject): string {
  const { rule, target } = rows[mutation]!;
  if (!passes(actor, rule.name, subject))
    return actor.standing || actor.isService ? 'FORBIDDEN' : 'UNAUTHENTICATED';
  // Each part must be content; within one, any word is enough, and the last one tells why not.
  const refusals = (target?.split(' & ') ?? []).map((part) => {
    const verdicts = part.split(', ').map((word) => WORDS[word]!(actor, subject));
    return verdicts.includes(undefined) ? undefined : verdicts.at(-1);
  });
  return (
    refusals.find((code) => code !== undefined) ??
    IMPOSSIBLE[`${mutation}: ${actor.name} → ${subject.name}`] ??
    'allowed'
  );
}

/** Every target that a mutation may name, by the words of its third column. */
function subjectsOf(mutation: string): Subject[] {
  const words = rows[mutation]?.target?.split(/ & |, /) ?? [];
  const self: Subject = { name: 'self', isSelf: true };
  const accounts = ROLES.map((name): Subject => ({ name, accountRole: name }));
  const named: Record<string, Subject[]> = {
    role: [
      ...[10, 20, 30, 99].map((rank) => ({ name: `role of rank ${rank}`, role: { rank, permissions: [] } })),
      { name: 'role with keys:manage', role: { rank: 1, permissions: ['keys:manage'] } },
    ],
    held: [
      { name: 'what one holds', held: [application.held] },
      { name: 'what one does not hold', held: [application.beyond] },
    ],
    scopes: Object.keys(serviceScopes).map((scope) => ({ name: `scope ${scope}`, scopes: [scope] })),
  };
  const things = words.flatMap((word) => named[word] ?? []);
  if (words.join() === 'self') return [self];
  const isOfAccounts = words.some((word) => !(word in named));
  if (words.length === 0) return [{ name: 'anything' }];
  return [...(isOfAccounts ? [self, ...accounts] : []), ...things];
}

interface Cell {
  actor: Actor;
  subject: Subject;
  wanted: string;
  name: string;
}

/** Who has no account can be no target of its own; a mutation that names none is tried all the same. */
function cellsOf(mutation: string): Cell[] {
  const subjects = subjectsOf(mutation);
  return actors.flatMap((actor) =>
    subjects
      .filter(({ isSelf }) => !isSelf || subjects.length === 1 || actor.standing !== undefined)
      .map((subject) => ({
        actor,
        subject,
        wanted: expected(mutation, actor, subject),
        name: `${actor.name} → ${subject.name}`,
      })),
  );
}

/** A target of its own for each cell, and whom it is done by: a fresh account where it may cost the actor its session. */
async function prepare(mutation: string, { actor, subject, wanted }: Cell) {
  const isOwnLife = subject.isSelf && actor.standing && wanted === 'allowed';
  const performer = isOwnLife ? await performAs(actor.name) : actor.standing?.performer;
  const about: Case = {
    actor: performer,
    account: (subject.isSelf ? performer : undefined) ?? (await scene.seat([subject.accountRole ?? 'USER'])),
    role: subject.role ?? { rank: 1, permissions: [] },
    held: subject.held ?? [],
    scopes: subject.scopes ?? [],
  };
  const variables = await acts[mutation]!(scene, about);
  return { variables, asking: isOwnLife ? { bearer: performer?.access ?? '' } : actor.asking };
}

const send = (mutation: string, variables: Record<string, unknown>, asking: Asking): Promise<Answer> =>
  app.graphql(operationOf(mutation, variables), variables, asking);

/** What came of every cell so far, by mutation. */
const outcomes: Record<string, Record<string, string>> = {};

/** Makes the calls of some cells, to be sent later. */
async function prepareAll(mutation: string, cells: Cell[]) {
  const ready = await Promise.all(cells.map((cell) => prepare(mutation, cell)));
  /** Sends them, a few side by side: acts of administration wait for one another, and not for ever. @returns what came of each */
  return async () => {
    const answers: Answer[] = [];
    for (let at = 0; at < ready.length; at += 4) {
      const few = ready.slice(at, at + 4);
      answers.push(
        ...(await Promise.all(few.map(({ variables, asking }) => send(mutation, variables, asking)))),
      );
    }
    return Object.fromEntries(cells.map(({ name }, at) => [name, outcomeOf(mutation, answers[at]!)]));
  };
}

function outcomeOf(mutation: string, { data, errors, body }: Answer): string {
  if (errors.length > 0) return errors[0]?.extensions.code ?? body;
  return data[mutation] === null || data[mutation] === undefined ? body : 'allowed';
}

describe('every mutation, by every actor, on every target', () => {
  it('can be done: there are sound arguments for each', () => {
    expect(Object.keys(acts).sort()).toEqual(Object.keys(fields).sort());
  });

  it.each(Object.keys(fields).sort())('%s is allowed or refused as the table says', async (mutation) => {
    const cells = cellsOf(mutation);
    const [refused, allowed] = [false, true].map((isAllowed) =>
      cells.filter(({ wanted }) => (wanted === 'allowed') === isAllowed),
    );
    // The refused ones first, and by themselves: all of them together leave everything as it was.
    const sendRefused = await prepareAll(mutation, refused ?? []);
    const before = await scene.digest();
    const found = await sendRefused();
    const after = await scene.digest();
    const sendAllowed = await prepareAll(mutation, allowed ?? []);
    Object.assign(found, await sendAllowed());
    expect(found).toEqual(Object.fromEntries(cells.map(({ name, wanted }) => [name, wanted])));
    expect(after).toEqual(before);
    for (const cell of Object.keys(found)) if (`${mutation}: ${cell}` in IMPOSSIBLE) found[cell] = 'allowed';
    outcomes[mutation] = found;
  });

  it('is what docs/permissions.md shows', () => {
    const [, section = ''] = /## Every mutation by every actor\n([^#]*)/.exec(DOCUMENT) ?? [];
    const [head = [], , ...shown] = [...section.matchAll(/^\|(.*)\|$/gm)].map(([, line = '']) =>
      line.split('|').map((cell) => cell.trim().replaceAll('`', '')),
    );
    const rowOf = (cells: string[]) => Object.fromEntries(head.map((column, at) => [column, cells[at]]));
    const told = Object.fromEntries(shown.map((cells) => [cells[0], rowOf(cells)]));
    const run = Object.entries(outcomes).map(([mutation, found]) => [
      mutation,
      Object.fromEntries([
        ['mutation', mutation],
        ...actors.map(({ name }) => [name.replace(' with every scope', ''), reachOf(name, found)]),
      ]),
    ]);
    expect(told).toMatchObject(Object.fromEntries(run));
  });
});

async function performWithPasskey() {
  const performer = await performAs('OWNER');
  return { performer, own: await addPasskey(app, performer) };
}
/** Who does to others what leaves the own account as it is. */
let officer: ReturnType<typeof performWithPasskey> | undefined;

/** Sound arguments for a mutation by somebody with every permission, who has a passkey and has just proved it. */
async function prepareMarked(mutation: string) {
  const isOwn = rows[mutation]?.target === 'self';
  const { performer, own } = isOwn ? await performWithPasskey() : await (officer ??= performWithPasskey());
  const about: Case = {
    actor: performer,
    account: isOwn ? performer : await scene.seat(['USER']),
    role: { rank: 1, permissions: [] },
    held: [],
    scopes: [],
  };
  let variables = await acts[mutation]!(scene, about);
  const door = passkeysOf(app, performer);
  return {
    send: () => send(mutation, variables, { bearer: performer.access }),
    // A session has one challenge at a time: the one to step up by voids that of a passkey about to be registered.
    renew: async () => {
      if (mutation === 'registerPasskey') variables = await acts[mutation]!(scene, about);
    },
    forget: (change: string) =>
      scene.look(`update sessions set ${change} where id = $1`, [performer.sessionId]),
    stepUp: async () => door.stepUp(own.get(optionsIn(await door.stepUpOptions()))),
  };
}

describe('what an account with a second factor does only with it', () => {
  const marked = Object.entries(rows).filter(([, { aal2 }]) => aal2 !== undefined);

  it.each(marked)(
    '%s waits for it, changes nothing until then, and needs no new sign-in',
    async (name, row) => {
      const { send: act, forget, stepUp, renew } = await prepareMarked(name);
      const lapses = ["aal = 1, amr = '{pwd}'"];
      if (row.aal2 === 'fresh') lapses.push("proved_at = now() - interval '6 minutes'");
      for (const lapse of lapses) {
        await forget(lapse);
        const before = await scene.digest();
        expect(outcomeOf(name, await act())).toBe('INSUFFICIENT_AAL');
        expect(await scene.digest()).toEqual(before);
        expect((await stepUp()).errors).toEqual([]);
      }
      await renew();
      if (row.aal2 === 'proved') await forget("proved_at = now() - interval '6 minutes'");
      expect(outcomeOf(name, await act())).toBe('allowed');
    },
  );
});

/** How the page tells what an actor could do: to any target, to none, or to which. */
function reachOf(actor: string, found: Record<string, string>): string {
  const own = Object.entries(found).filter(([cell]) => cell.startsWith(`${actor} → `));
  const names = own
    .filter(([, outcome]) => outcome === 'allowed')
    .map(([cell]) => cell.slice(`${actor} → `.length));
  if (names.length === 0) return '–';
  if (names.length === own.length) return names.join() === 'self' ? 'self' : '✓';
  const words = names.map((name) =>
    name === 'self' ? 'self' : name === 'what one holds' ? 'held' : 'lower',
  );
  return [...new Set(words)].join(', ');
}
