import { createHmac } from 'node:crypto';
import { systemClock } from '../../src/app.js';
import type { Answer, TestApp } from './app.js';
import { codeOf } from './calls.js';
import type { Person } from './people.js';

type Door = Pick<TestApp, 'graphql'>;

const STEP_MS = 30_000;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An authenticator app: knows the secret, and the code of any moment. */
export interface Authenticator {
  secret: string;
  /** The code that is shown now, or `steps` half minutes later. */
  code: (steps?: number) => string;
}

/** An app that was given a secret; `now` in milliseconds since 1970. */
export function authenticator(secret: string, now: () => number = Date.now): Authenticator {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const seed = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const code = (steps = 0) => {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(now() / STEP_MS) + steps));
    const mac = createHmac('sha1', seed).update(counter).digest();
    const number = mac.readUInt32BE(mac.at(-1)! & 15) & 0x7fffffff;
    return String(number).padStart(6, '0').slice(-6);
  };
  return { secret, code };
}

/** Time, as tests move it. */
interface SteppingClock {
  now: () => number;
  monotonic: () => number;
  /** Goes on by so many time steps, or one. */
  step: (steps?: number) => void;
}

/** A clock that stands in the middle of a time step until it is moved, so that no code is overtaken on its way. */
export function steppingClock(): SteppingClock {
  let at = Math.floor(Date.now() / STEP_MS) * STEP_MS + STEP_MS / 2;
  return {
    now: () => at,
    monotonic: () => systemClock.monotonic(),
    step: (steps = 1) => {
      at += steps * STEP_MS;
    },
  };
}

/** A code that is right at no moment near `now`. */
export function wrongCode({ code }: Authenticator): string {
  const near = new Set([-3, -2, -1, 0, 1, 2, 3].map((steps) => code(steps)));
  for (let number = 0; ; number++) {
    const candidate = String(number).padStart(6, '0');
    if (!near.has(candidate)) return candidate;
  }
}

const AUTH = '{ accessToken refreshToken session { id aal amr } user { id mfaEnabled } }';

/** Somebody at their second factor. Each answers as it came, refused or not. */
export function factorsOf(app: Door, { access }: Pick<Person, 'access'>) {
  const run = (query: string, variables: Record<string, unknown>) =>
    app.graphql(query, variables, { bearer: access });
  return {
    enroll: (password: string) =>
      run('mutation ($p: String!) { enrollTotp(password: $p) { secret otpauthUri qrCode } }', {
        p: password,
      }),
    confirm: (code: string) => run('mutation ($c: String!) { confirmTotp(code: $c) { codes } }', { c: code }),
    disable: (password: string, code: string) =>
      run('mutation ($p: String!, $c: String!) { disableMfa(password: $p, code: $c) }', {
        p: password,
        c: code,
      }),
    regenerate: (password: string) =>
      run('mutation ($p: String!) { regenerateRecoveryCodes(password: $p) { codes } }', { p: password }),
    stepUp: (code: string, method?: string) =>
      run(
        method === undefined
          ? `mutation ($c: String!) { stepUp(code: $c) ${AUTH} }`
          : `mutation ($c: String!, $m: MfaMethod) { stepUp(code: $c, method: $m) ${AUTH} }`,
        { c: code, ...(method === undefined ? {} : { m: method }) },
      ),
    reset: (userId: string) =>
      run('mutation ($u: ID!) { resetUserMfa(userId: $u) { id mfaEnabled } }', { u: userId }),
  };
}

/** The first half of a sign-in. */
export const begin = (app: Door, login: string, password: string): Promise<Answer> =>
  app.graphql(
    `mutation ($input: SignInInput!) { signIn(input: $input) { __typename
      ... on AuthPayload { accessToken session { id aal amr } }
      ... on MfaChallenge { challengeToken methods expiresAt } } }`,
    { input: { login, password } },
  );

/** The challenge that a right password is answered with. */
export async function challengeOf(
  app: Door,
  { username, password }: { username: string; password: string },
): Promise<string> {
  const answer = await begin(app, username, password);
  const { challengeToken } = answer.data['signIn'] as { challengeToken?: string };
  if (challengeToken === undefined) throw new Error(`no challenge: ${answer.body}`);
  return challengeToken;
}

/** The second half. */
export const finish = (
  app: Door,
  challengeToken: string,
  code: string,
  more: Record<string, unknown> = {},
): Promise<Answer> =>
  app.graphql(`mutation ($input: VerifyMfaInput!) { verifyMfa(input: $input) ${AUTH} }`, {
    input: { challengeToken, code, ...more },
  });

/** What somebody with a second factor has. */
export interface Guarded {
  app: Authenticator;
  codes: string[];
}

/**
 * Sets an authenticator app up. Its present code is spent by that; the next one is good already.
 * @param now the service's clock, where a test moves it
 */
export async function setUpFactor(app: Door, person: Person, now: () => number = Date.now): Promise<Guarded> {
  const own = factorsOf(app, person);
  const enrolled = await own.enroll(person.password);
  const secret = (enrolled.data['enrollTotp'] as { secret?: string } | null)?.secret;
  if (secret === undefined) throw new Error(enrolled.body);
  const device = authenticator(secret, now);
  const confirmed = await own.confirm(device.code());
  if (codeOf(confirmed) !== undefined) throw new Error(confirmed.body);
  return { app: device, codes: (confirmed.data['confirmTotp'] as { codes: string[] }).codes };
}

/** Signs somebody with a second factor in. */
export async function enterWith(app: Door, person: Person, code: string): Promise<Person> {
  const answer = await finish(app, await challengeOf(app, person), code);
  const payload = answer.data['verifyMfa'] as {
    accessToken: string;
    refreshToken: string;
    session: { id: string };
  } | null;
  if (!payload) throw new Error(answer.body);
  return {
    ...person,
    access: payload.accessToken,
    refresh: payload.refreshToken,
    sessionId: payload.session.id,
  };
}
