// One server of those that the service is compared with: http, graphql or apollo; on PORT.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const port = Number(process.env.PORT);
const verified = {
  valid: true,
  reason: null,
  subject: { id: '01a20000-0000-7000-8000-000000000000', username: 'bench', roles: ['USER'] },
};
const SDL = `
  type Subject { id: ID! username: String roles: [String!]! }
  type TokenVerification { valid: Boolean! reason: String subject: Subject }
  type Query { verifyToken(token: String!): TokenVerification }`;

/** What a key set looks like that has two keys in it. */
const key = {
  kty: 'EC',
  crv: 'P-256',
  alg: 'ES256',
  use: 'sig',
  kid: 'k'.repeat(24),
  x: 'x'.repeat(43),
  y: 'y'.repeat(43),
};
const keySet = JSON.stringify({ keys: [key, key] });

/** Reads a body, JSON or a form, and answers JSON; without one it answers a key set. */
function http() {
  serve(() => ({ data: { verifyToken: verified } }));
}

/** The same, executing what is asked for; each text is parsed and validated once. */
function graphql() {
  // As a module of its own kind, it would be loaded twice.
  const { buildSchema, execute, parse, validate } = createRequire(import.meta.url)('graphql');
  const schema = buildSchema(SDL);
  const documents = new Map();
  const read = (text) => {
    const document = parse(text);
    if (validate(schema, document).length > 0) throw new Error('not valid');
    documents.set(text, document);
    return document;
  };
  serve(({ query, variables }) =>
    execute({
      schema,
      document: documents.get(query) ?? read(query),
      rootValue: { verifyToken: () => verified },
      variableValues: variables,
    }),
  );
}

/** Apollo Server as it comes. */
async function apollo() {
  const { ApolloServer } = await import('@apollo/server');
  const { startStandaloneServer } = await import('@apollo/server/standalone');
  const resolvers = { Query: { verifyToken: () => verified } };
  await startStandaloneServer(new ApolloServer({ typeDefs: SDL, resolvers }), {
    listen: { port, host: '127.0.0.1' },
  });
}

const read = (text) => (text.startsWith('{') ? JSON.parse(text) : new URLSearchParams(text).get('token'));

function serve(answer) {
  createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      response.setHeader('content-type', 'application/json; charset=utf-8');
      response.end(text === '' ? keySet : JSON.stringify(answer(read(text))));
    });
  }).listen(port, '127.0.0.1');
}

await { http, graphql, apollo }[process.argv[2]]();
