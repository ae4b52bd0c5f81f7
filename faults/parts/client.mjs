// What a client of the service does: one call, and calls that are repeated until there is an answer.
import { Agent, request } from 'node:http';
import { sleep } from './processes.mjs';

/** Hashing has the lowest priority: on a busy machine a sign-up takes its time. */
const PATIENCE_MS = 30_000;
export const GATEWAY_SECRET = 'qpwo-4471-znxm-9982-ruty-1036';
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

export const documents = {
  SignUp: `mutation SignUp($input: SignUpInput!) { signUp(input: $input) { ... on AuthPayload { accessToken refreshToken session { id } user { id } } } }`,
  SignIn: `mutation SignIn($input: SignInInput!) { signIn(input: $input) { ... on AuthPayload { accessToken refreshToken session { id } user { id } } } }`,
  Refresh: `mutation Refresh($token: String!) { refresh(refreshToken: $token) { accessToken refreshToken } }`,
  Revoke: `mutation Revoke($token: String!) { revoke(token: $token) }`,
  SetRoles: `mutation SetRoles($id: ID!, $roles: [ID!]!) { setUserRoles(userId: $id, roleIds: $roles) { id } }`,
  ChangePassword: `mutation ChangePassword($old: String!, $new: String!) { changePassword(currentPassword: $old, newPassword: $new) { passwordChangedAt } }`,
  Forgot: `mutation Forgot($email: EmailAddress!) { forgotPassword(email: $email) }`,
  Reset: `mutation Reset($token: String!, $new: String!) { resetPassword(token: $token, newPassword: $new) }`,
  Verify: `query Verify($token: String!) { verifyToken(token: $token) { valid reason } }`,
  Me: `query Me { me { id } }`,
  Roles: `query Roles { roles(first: 100) { nodes { id name } } }`,
};

/** Doing these twice is as good as doing them once, so whoever is in between may repeat them. */
export const IDEMPOTENT = new Set(['Refresh', 'Revoke', 'SetRoles', 'Verify', 'Me', 'Roles']);

/** Sends a body; answers { status, text }. @throws Error of the network */
export function post(url, body, headers = {}, options = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent,
      timeout: PATIENCE_MS,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
      ...options,
    });
    sent.once('error', reject).once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.once('end', () => resolve({ status: response.statusCode, text })).once('error', reject);
      response.once('aborted', () => reject(new Error('cut off')));
    });
    sent.end(body);
  });
}

/**
 * One call of an operation.
 * @returns `{ data }`, or `{ code }`: the service's, or NETWORK or PROXY where there was no answer of it
 */
export async function call(url, operationName, variables = {}, bearer) {
  const body = JSON.stringify({ operationName, query: documents[operationName], variables });
  const headers = {
    'x-gateway-secret': GATEWAY_SECRET,
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
  };
  try {
    const { status, text } = await post(`${url}/graphql`, body, headers);
    if (status === 502) return { code: 'PROXY' };
    const { data, errors } = JSON.parse(text);
    if (errors?.length > 0)
      return { code: errors[0].extensions?.code ?? 'UNKNOWN', message: errors[0].message };
    return { data: data[Object.keys(data)[0]] };
  } catch (error) {
    return { code: 'NETWORK', message: error.code ?? error.message };
  }
}

/** Says nothing of what became of the call: it may be repeated. */
export const isOpen = ({ code }) =>
  code === 'NETWORK' || code === 'PROXY' || code === 'SERVICE_UNAVAILABLE' || code === 'RATE_LIMITED';

/** Makes a call again until something definite is answered or `isOver`. @param seen is told of each answer */
export async function insist(make, seen, isOver = () => false) {
  for (let pause = 50; ; pause = Math.min(pause * 2, 800)) {
    const answer = await make();
    seen(answer);
    if (!isOpen(answer) || isOver()) return answer;
    await sleep(pause * (0.5 + Math.random()));
  }
}
