// What the service is asked: each job's request and the text that a right answer has, in the format of row files (bench/README.md).

const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };

const graphql = (query, variables, more = {}) => ({
  path: '/graphql',
  ...more,
  headers: { ...JSON_TYPE, ...more.headers },
  body: JSON.stringify({ query, ...(variables && { variables }) }),
});

const VERIFICATION = 'valid reason subject{id username roles}';
const PAIR = '...on AuthPayload{accessToken refreshToken}';
const person = {
  email: '{{email}}',
  username: '{{username}}',
  password: '{{password}}',
  firstName: 'Ana',
  lastName: 'Li',
  country: 'PT',
  birthDate: '1990-01-31',
};
const access = { name: 'access', after: '"accessToken":"' };
const refresh = { name: 'refresh', after: '"refreshToken":"' };
const VERIFY = `query($token:String!){verifyToken(token:$token){${VERIFICATION}}}`;
const MANY = `query($requests:[TokenVerificationRequest!]!){verifyTokens(requests:$requests){${VERIFICATION}}}`;
const USERS = `query($first:Int){users(first:$first){nodes{id username email status roles{name}}pageInfo{endCursor hasNextPage}}}`;

/** By name; `bearer` is the caller's token, `owner` an owner's, `service` a service's, `token0` to `token99` those of sessions. */
export const JOBS = {
  signup: graphql(
    `mutation($input:SignUpInput!){signUp(input:$input){${PAIR}}}`,
    { input: person },
    {
      ok: access.after,
    },
  ),
  signin: graphql(
    `mutation($input:SignInInput!){signIn(input:$input){${PAIR}}}`,
    { input: { login: '{{email}}', password: '{{password}}' } },
    { ok: access.after, capture: [access, refresh] },
  ),
  verify: graphql(VERIFY, { token: '{{access}}' }, { ok: '"valid":true' }),
  'verify, with bearer': graphql(
    VERIFY,
    { token: '{{access}}' },
    { ok: '"valid":true', headers: { authorization: 'Bearer {{access}}' } },
  ),
  'verify 100': graphql(
    MANY,
    { requests: Array.from({ length: 100 }, (_, at) => ({ token: `{{token${at}}}` })) },
    { ok: '"valid":true', not: '"valid":false' },
  ),
  introspect: {
    path: '/oauth/introspect',
    headers: { ...FORM_TYPE, authorization: 'Bearer {{service}}' },
    body: 'token={{access}}',
    ok: '"active":true',
  },
  refresh: graphql(
    'mutation($token:String!){refresh(refreshToken:$token){accessToken refreshToken}}',
    { token: '{{refresh}}' },
    { mode: 'chain', ok: access.after, capture: [refresh] },
  ),
  users: graphql(USERS, { first: 20 }, { ok: '"nodes":[{', headers: { authorization: 'Bearer {{owner}}' } }),
  jwks: { method: 'GET', path: '/.well-known/jwks.json', ok: '"keys"' },
  typename: graphql('{ __typename }', undefined, { ok: '"Query"' }),
  revoke: graphql('mutation($token:String!){revoke(token:$token)}', { token: '{{access}}' }, { ok: 'true' }),
};

/** Not loaded: what an owner does to make a service that may introspect. */
export const SETUP = {
  owner: graphql(
    'mutation($input:SignInInput!){signIn(input:$input){...on AuthPayload{accessToken}}}',
    { input: { login: '{{email}}', password: '{{password}}' } },
    { capture: [{ ...access, name: 'owner' }] },
  ),
  service: graphql(
    'mutation($name:String!){createService(input:{name:$name}){id}}',
    { name: 'bench' },
    {
      headers: { authorization: 'Bearer {{owner}}' },
      capture: [{ name: 'serviceId', after: '"id":"' }],
    },
  ),
  serviceToken: graphql(
    'mutation($id:ID!){issueServiceToken(serviceId:$id,input:{scopes:["tokens:introspect"]}){token}}',
    { id: '{{serviceId}}' },
    { headers: { authorization: 'Bearer {{owner}}' }, capture: [{ name: 'service', after: '"token":"' }] },
  ),
};
