// What Node, graphql-js and Apollo Server cost by themselves, each in a process of its own, asked what the service is asked.
import { join } from 'node:path';
import { startServer } from '../stage/processes.mjs';
import { JOBS } from './jobs.mjs';

const SERVER = new URL('./reference-server.mjs', import.meta.url).pathname;
const RIGHT = { ok: '"valid":true' };

const REFERENCES = {
  http: {
    name: 'node:http',
    about: 'node:http that reads the same body and answers a constant',
    jobs: {
      verify: { ...JOBS.verify, ...RIGHT },
      introspect: { ...JOBS.introspect, ...RIGHT },
      jwks: JOBS.jwks,
    },
  },
  graphql: {
    name: 'node:http + graphql-js',
    about: 'the same with graphql-js, each text parsed and validated once',
    jobs: { verify: { ...JOBS.verify, ...RIGHT } },
  },
  apollo: {
    name: 'Apollo Server { __typename }',
    about: 'Apollo Server standalone, as it comes',
    jobs: { typename: JOBS.typename },
  },
};

/** Starts them; they draw on the sessions of `own`, a row of the service. */
export async function startReferences(stage, own) {
  return Promise.all(
    Object.entries(REFERENCES).map(async ([kind, { name, about, jobs }]) => {
      const started = await startServer({
        command: [process.execPath, SERVER, kind],
        env: { PATH: process.env.PATH, NODE_ENV: 'production' },
        log: join(stage.dir, `${kind}.log`),
      });
      return { ...started, name, about, kind: 'reference', jobs, sessions: own.sessions, people: own.people };
    }),
  );
}
