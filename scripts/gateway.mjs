#!/usr/bin/env node
// npm run gateway: the auth service that runs at AUTH_URL and the sample subgraph beside it, as one graph, through
// @apollo/gateway; with --hive, through Hive Gateway. With --print, the supergraph SDL of the two on stdout instead, for a router of your own.
import { register } from 'node:module';
import { prepare, root } from './prepare.mjs';

const {
  AUTH_URL = 'http://127.0.0.1:4000/graphql',
  GATEWAY_PORT = '4100',
  GATEWAY_SECRET,
  TOKEN_AUDIENCE,
  SERVICES_AUTH_SERVICETOKEN,
} = process.env;
const options = {
  engine: process.argv.includes('--hive') ? 'hive' : 'apollo',
  authUrl: AUTH_URL,
  port: Number(GATEWAY_PORT),
  secret: GATEWAY_SECRET,
  audience: TOKEN_AUDIENCE,
  serviceToken: SERVICES_AUTH_SERVICETOKEN,
};

await prepare({ build: false });
process.chdir(root); // where the loader looks for tsconfig.json
register('@swc-node/register/esm', import.meta.url); // the gateway is TypeScript
const { startGateway, supergraphSdl } = await import('../gateway/serve.ts');

try {
  if (process.argv.includes('--print')) console.log(await supergraphSdl(options));
  else await serve();
} catch (error) {
  console.error(
    error.code === 'EADDRINUSE'
      ? `Port ${error.port} is taken: set GATEWAY_PORT; the sample subgraph takes the port after it.`
      : error.message,
  );
  process.exitCode = 1;
}

async function serve() {
  const gateway = await startGateway(options);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => gateway.close());
  console.log(`
The graph is served at ${gateway.url}
Open it in a browser to ask by hand. Sign in (or signUp) and take the access token from the answer:

  mutation ($input: SignInInput!) { signIn(input: $input) { ... on AuthPayload { accessToken } } }
  { "input": { "login": "owner", "password": "the one that npm start showed" } }

Then, with the header  Authorization: Bearer <access token>  write a note, and ask both subgraphs at once:

  mutation { addNote(text: "Hello") { id } }
  { me { username notes { text } } }

Behind it: auth at ${AUTH_URL}, notes at ${gateway.notesUrl} (a sample that keeps them in memory).
For development only: gateway/README.md tells how to put Apollo Router or Hive in its place. Ctrl-C stops it.`);
}
