import { randomBytes } from 'node:crypto';
import type { Answer, TestApp } from './app.js';

/** Somebody with an account, signed in. */
export interface Person {
  id: string;
  email: string;
  username: string;
  password: string;
  access: string;
  refresh: string;
  sessionId: string;
}

let count = 0;
/** Of this test file alone: a database may come with people of another one. */
const CAST = randomBytes(4).toString('hex');
const SIGN_UP = `mutation ($input: SignUpInput!) {
  signUp(input: $input) { __typename ... on AuthPayload { user { id } accessToken refreshToken session { id } } }
}`;
const SIGN_IN = `mutation ($input: SignInInput!) {
  signIn(input: $input) { __typename ... on AuthPayload { user { id } accessToken refreshToken session { id } } }
}`;

/** What a good sign-up sends; no two are alike. */
export function newcomer(overrides: Record<string, unknown> = {}) {
  const name = `ana${++count}x${CAST}`;
  return {
    email: `${name}@example.test`,
    username: name,
    password: `seven-green-Bottles-${count}`,
    firstName: 'Ana',
    lastName: 'Li',
    country: 'PT',
    birthDate: '1990-01-31',
    ...overrides,
  };
}

/** Signs somebody up. */
export async function join(
  app: Pick<TestApp, 'graphql'>,
  overrides: Record<string, unknown> = {},
): Promise<Person> {
  const input = newcomer(overrides);
  return personOf(input, 'signUp', await app.graphql(SIGN_UP, { input }));
}

/** Signs somebody in anew: the same account with a further session. */
export async function enter<T extends { username: string; password: string; email: string }>(
  app: Pick<TestApp, 'graphql'>,
  person: T,
): Promise<Person> {
  const input = { login: person.username, password: person.password };
  return personOf(person, 'signIn', await app.graphql(SIGN_IN, { input }));
}

/** The owner of the house, signed in. */
export const ownerOf = (app: TestApp): Promise<Person> => enter(app, app.owner);

function personOf(
  known: { email: string; username: string; password: string },
  field: string,
  { data, body }: Answer,
): Person {
  const payload = data[field] as {
    user: { id: string };
    accessToken: string;
    refreshToken: string;
    session: { id: string };
  } | null;
  if (!payload?.accessToken) throw new Error(`${field} gave no tokens: ${body}`);
  const { email, username, password } = known;
  return {
    id: payload.user.id,
    email,
    username,
    password,
    access: payload.accessToken,
    refresh: payload.refreshToken,
    sessionId: payload.session.id,
  };
}

/** Somebody with the built-in role of that name, and tokens that name it. */
export async function joinAs(app: TestApp, owner: Person, role: string): Promise<Person> {
  const person = await join(app);
  const id = await roleId(app, owner, role);
  const granted = await app.graphql(
    'mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }',
    { u: person.id, r: [id] },
    { bearer: owner.access },
  );
  if (granted.errors.length > 0) throw new Error(granted.body);
  return refreshed(app, person);
}

/** The same person and session with the next pair of tokens: what has changed about the account is in them. */
async function refreshed(app: Pick<TestApp, 'graphql'>, person: Person): Promise<Person> {
  const { data, body } = await app.graphql(
    'mutation ($t: String!) { refresh(refreshToken: $t) { accessToken refreshToken } }',
    { t: person.refresh },
  );
  const next = data['refresh'] as { accessToken: string; refreshToken: string } | null;
  if (!next) throw new Error(body);
  return { ...person, access: next.accessToken, refresh: next.refreshToken };
}

/** The id of the role with that name. */
export async function roleId(app: TestApp, owner: Person, name: string): Promise<string> {
  const { data } = await app.graphql(
    '{ roles(first: 100) { nodes { id name } } }',
    {},
    { bearer: owner.access },
  );
  const found = (data['roles'] as { nodes: { id: string; name: string }[] }).nodes.find(
    (role) => role.name === name,
  );
  if (!found) throw new Error(`there is no role ${name}`);
  return found.id;
}

/** What verifyToken answers, asked as the gateway. */
export async function verify(
  app: Pick<TestApp, 'graphql'>,
  token: string,
): Promise<{ valid: boolean; reason: string | null }> {
  const { data, body } = await app.graphql(
    'query ($token: String!) { verifyToken(token: $token) { valid reason } }',
    { token },
  );
  if (!data['verifyToken']) throw new Error(body);
  return data['verifyToken'] as { valid: boolean; reason: string | null };
}
