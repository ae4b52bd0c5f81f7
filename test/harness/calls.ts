import type { Answer, Asking, TestApp } from './app.js';

type Door = Pick<TestApp, 'graphql'>;

/** The code of an answer's first error; undefined when all went well. */
export const codeOf = ({ errors }: Answer): string | undefined => errors[0]?.extensions.code;

/** Names of the input fields that an answer complains about. */
export const faultsOf = ({ errors }: Answer): string[] =>
  (errors[0]?.extensions.fields ?? []).map(({ name }) => name);

/** What came of a refresh: a new pair of tokens, or the code of the refusal. */
export interface Refreshed {
  code: string | undefined;
  access: string;
  refresh: string;
  answer: Answer;
}

/** Spends a refresh token. */
export async function refresh(door: Door, refreshToken: string, asking?: Asking): Promise<Refreshed> {
  const answer = await door.graphql(
    'mutation ($t: String!) { refresh(refreshToken: $t) { accessToken refreshToken session { id } user { id } } }',
    { t: refreshToken },
    asking,
  );
  const payload = answer.data['refresh'] as { accessToken: string; refreshToken: string } | null | undefined;
  const { accessToken: access = '', refreshToken: next = '' } = payload ?? {};
  return { code: codeOf(answer), access, refresh: next, answer };
}

/** Tries a password. */
export const signIn = (door: Door, login: string, password: string, asking?: Asking): Promise<Answer> =>
  door.graphql(
    `mutation ($input: SignInInput!) { signIn(input: $input) { __typename
      ... on AuthPayload { accessToken refreshToken session { id } user { id username } }
      ... on EmailVerificationPending { email } } }`,
    { input: { login, password } },
    asking,
  );

/** Tries to open an account. */
export const signUp = (door: Door, input: unknown): Promise<Answer> =>
  door.graphql(
    `mutation ($input: SignUpInput!) { signUp(input: $input) { __typename
      ... on AuthPayload { accessToken refreshToken session { id } user { id username } }
      ... on EmailVerificationPending { email } } }`,
    { input },
  );

/** Ends the session of a token. */
export const revoke = (door: Door, token: string): Promise<Answer> =>
  door.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: token });

/** Reads one's own id with an access token: the code says how far it is believed. */
export const whoAmI = (door: Door, bearer: string): Promise<Answer> =>
  door.graphql('{ me { id } }', {}, { bearer });
