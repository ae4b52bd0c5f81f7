import { randomUUID } from 'node:crypto';
import { startGateway, type RunningGateway } from '../../gateway/serve.js';
import { ask, startApp, type Answer, type Asking, type TestApp } from '../harness/app.js';

/** An account as its owner knows it. */
export interface Person {
  id: string;
  email: string;
  username: string;
  password: string;
  accessToken: string;
  refreshToken: string;
}

/** The service and the sample subgraph behind a gateway, as a client sees them. */
export interface Supergraph {
  app: TestApp;
  gateway: RunningGateway;
  /** One operation, sent to the gateway. */
  ask(query: string, variables?: Record<string, unknown>, asking?: Asking): Promise<Answer>;
  /** Signs somebody new up. */
  signUp(firstName: string): Promise<Person>;
  close(): Promise<void>;
}

/** Starts the whole of it, the service with these environment variables. */
export async function startSupergraph(
  environment: Record<string, string> = {},
  secret?: string,
): Promise<Supergraph> {
  const app = await startApp(environment);
  const gateway = await startGateway({ authUrl: `${app.url}/graphql`, port: 0, secret });
  const send: Supergraph['ask'] = (...operation) => ask(new URL(gateway.url).origin, ...operation);
  const close = async () => {
    await gateway.close();
    await app.close();
  };
  return { app, gateway, ask: send, signUp: (firstName) => signUp(send, firstName), close };
}

/** Asking as somebody who is signed in. */
export const as = ({ accessToken }: Pick<Person, 'accessToken'>): Asking => ({ bearer: accessToken });

const SIGN_UP = `mutation ($input: SignUpInput!) {
  signUp(input: $input) { ... on AuthPayload { accessToken refreshToken user { id } } }
}`;

async function signUp(send: Supergraph['ask'], firstName: string): Promise<Person> {
  const username = `${firstName.toLowerCase()}-${randomUUID().slice(0, 8)}`;
  const account = { username, email: `${username}@example.test`, password: `the password of ${username}` };
  const profile = { firstName, lastName: 'Li', country: 'PT', birthDate: '1990-01-31' };
  const { data, errors } = await send(SIGN_UP, { input: { ...account, ...profile } });
  if (errors.length > 0) throw new Error(`Sign-up failed: ${JSON.stringify(errors)}`);
  const { accessToken, refreshToken, user } = data.signUp;
  return { ...account, id: user.id, accessToken, refreshToken };
}
