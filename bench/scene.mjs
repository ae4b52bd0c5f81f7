// Somebody with many sessions, a service, and the questions that are asked of them.
import { ask, PASSWORD, SIGN_IN, VERIFY } from './server.mjs';

const SIGN_UP = 'mutation($input:SignUpInput!){signUp(input:$input){...on AuthPayload{accessToken}}}';
const PAIR =
  'mutation($input:SignInInput!){signIn(input:$input){...on AuthPayload{accessToken refreshToken}}}';
const MANY =
  'query($requests:[TokenVerificationRequest!]!){verifyTokens(requests:$requests){valid reason subject{id username roles}}}';
const REFRESH = 'mutation($token:String!){refresh(refreshToken:$token){accessToken refreshToken}}';
const JSON_TYPE = { 'content-type': 'application/json' };
const person = {
  email: 'bench@example.test',
  username: 'bench',
  password: PASSWORD,
  firstName: 'Ana',
  lastName: 'Li',
  country: 'PT',
  birthDate: '1990-01-31',
};

/** Signs people in: { jobs, ownerToken, tokens }. The tokens are asked about in turn, as a gateway's callers come in turn. */
export async function openScene(server, sessions) {
  await ask(server, SIGN_UP, { input: person });
  const tokens = [];
  while (tokens.length < sessions) tokens.push((await signIn(server)).accessToken);
  const service = await registerService(server);
  return { tokens, jobs: jobsFor(server, tokens, service) };
}

async function signIn(server) {
  return (await ask(server, PAIR, { input: { login: person.email, password: PASSWORD } })).signIn;
}

async function registerService(server) {
  const input = { login: 'owner@example.test', password: 'Owner-of-this-very-bench-1' };
  const { signIn: owner } = await ask(server, SIGN_IN, { input });
  const asOwner = { authorization: `Bearer ${owner.accessToken}` };
  const { createService } = await ask(
    server,
    'mutation{createService(input:{name:"bench"}){id}}',
    {},
    asOwner,
  );
  const issue =
    'mutation($id:ID!){issueServiceToken(serviceId:$id,input:{scopes:["tokens:introspect"]}){token}}';
  return (await ask(server, issue, { id: createService.id }, asOwner)).issueServiceToken.token;
}

function jobsFor(server, tokens, service) {
  const graphql = (query, variables, headers = {}) => ({
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify({ query, ...(variables && { variables }) }),
  });
  const hundred = Array.from({ length: 100 }, (_, at) => ({ token: tokens[at % tokens.length] }));
  const form = { 'content-type': 'application/x-www-form-urlencoded', authorization: `Bearer ${service}` };
  return {
    '{ __typename }': { expectText: '"Query"', requests: [graphql('{ __typename }')] },
    verifyToken: { expectText: '"valid":true', requests: tokens.map((token) => graphql(VERIFY, { token })) },
    'verifyToken, with bearer': {
      expectText: '"valid":true',
      requests: tokens.map((token) => graphql(VERIFY, { token }, { authorization: `Bearer ${token}` })),
    },
    'verifyTokens of 100': { expectText: '"valid":true', requests: [graphql(MANY, { requests: hundred })] },
    introspect: {
      url: server.graphqlUrl.replace('/graphql', '/oauth/introspect'),
      expectText: '"active":true',
      requests: tokens.map((token) => ({ headers: form, body: `token=${token}` })),
    },
    refresh: {
      expectText: '"accessToken":"',
      requests: [graphql(REFRESH, { token: '{{spent}}' })],
      chain: {
        after: '"refreshToken":"',
        start: async () => (await signIn(server)).refreshToken,
      },
    },
  };
}
