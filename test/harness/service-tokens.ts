import { randomUUID } from 'node:crypto';
import type { Answer, Asking, TestApp } from './app.js';
import type { Person } from './people.js';

type Door = Pick<TestApp, 'graphql'>;

/** What is kept of a token, as the graph shows it. */
export interface KeptToken {
  id: string;
  label: string | null;
  prefix: string;
  scopes: string[];
  createdAt: string;
  expiresAt: string;
  lastUsedAt: string | null;
  revokedAt: string | null;
}

/** A service with one live token. */
export interface Holder {
  serviceId: string;
  name: string;
  token: string;
  tokenId: string;
}

const KEPT = '{ id label prefix scopes createdAt expiresAt lastUsedAt revokedAt }';
const ISSUED = `{ token serviceToken ${KEPT} }`;

/** Somebody who hands out the tokens of services. Each answers as it came, refused or not. */
export function tokensDesk(app: Door, { access }: Pick<Person, 'access'>) {
  const run = (query: string, variables: Record<string, unknown>) =>
    app.graphql(query, variables, { bearer: access });
  return {
    issue: (serviceId: string, input?: object | null) =>
      run(
        `mutation ($s: ID!, $input: IssueServiceTokenInput) { issueServiceToken(serviceId: $s, input: $input) ${ISSUED} }`,
        { s: serviceId, ...(input === undefined ? {} : { input }) },
      ),
    rotate: (id: string, overlapSeconds?: number | null) =>
      run(
        `mutation ($id: ID!, $o: Int = 86400) { rotateServiceToken(id: $id, overlapSeconds: $o) ${ISSUED} }`,
        { id, ...(overlapSeconds === undefined ? {} : { o: overlapSeconds }) },
      ),
    revoke: (id: string) => run('mutation ($id: ID!) { revokeServiceToken(id: $id) }', { id }),
    tokensOf: (serviceId: string) =>
      run(`query ($id: ID!) { service(id: $id) { tokens ${KEPT} } }`, { id: serviceId }),
    kept: async (serviceId: string, id: string): Promise<KeptToken | undefined> => {
      const { data } = await run(`query ($id: ID!) { service(id: $id) { tokens ${KEPT} } }`, {
        id: serviceId,
      });
      return (data['service'].tokens as KeptToken[]).find((token) => token.id === id);
    },
    register: async (
      name = `svc-${randomUUID().slice(0, 8)}`,
    ): Promise<{ serviceId: string; name: string }> => {
      const answer = await run(
        'mutation ($input: CreateServiceInput!) { createService(input: $input) { id } }',
        { input: { name } },
      );
      return { serviceId: must(answer, 'createService').id as string, name };
    },
    setStatus: (id: string, status: 'ACTIVE' | 'DISABLED') =>
      run('mutation ($id: ID!, $i: UpdateServiceInput!) { updateService(id: $id, input: $i) { id } }', {
        id,
        i: { status },
      }),
    deleteService: (id: string) => run('mutation ($id: ID!) { deleteService(id: $id) }', { id }),
  };
}

export type TokensDesk = ReturnType<typeof tokensDesk>;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever it has asked for
function must({ data, body }: Answer, field: string): Record<string, any> {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  const value = data[field] as Record<string, any> | null | undefined;
  if (!value) throw new Error(body);
  return value;
}

/** The text and the id of what was just issued. */
export function issuedIn(answer: Answer): { token: string; tokenId: string; kept: KeptToken } {
  const issued = must(
    answer,
    'issueServiceToken' in answer.data ? 'issueServiceToken' : 'rotateServiceToken',
  );
  return {
    token: issued['token'] as string,
    tokenId: issued['serviceToken'].id,
    kept: issued['serviceToken'],
  };
}

/** A new service that holds one token with these scopes. */
export async function holderOf(desk: TokensDesk, scopes: string[] = [], name?: string): Promise<Holder> {
  const service = await desk.register(name);
  return { ...service, ...issuedIn(await desk.issue(service.serviceId, { scopes })) };
}

/** A request that a service makes for itself, its token as the bearer. */
export const as = ({ token }: Pick<Holder, 'token'>): Asking => ({ bearer: token });

/** A request that a service passes on, its token beside whatever bearer there is. */
export const through = ({ token }: Pick<Holder, 'token'>, bearer?: string): Asking => ({
  headers: { 'x-service-token': token },
  ...(bearer === undefined ? {} : { bearer }),
});

/** What verifyServiceToken answers. */
export interface ServiceVerdict {
  valid: boolean;
  reason: string | null;
  service: { id: string; name: string } | null;
  scopes: string[];
  expiresAt: string | null;
}

export const VERIFY_SERVICE = `query ($n: String!, $t: String!) {
  verifyServiceToken(serviceName: $n, token: $t) { valid reason service { id name } scopes expiresAt } }`;

/** Asks whether this is a live token of the service with that name, as the gateway unless said. */
export async function verifyService(
  app: Door,
  name: string,
  token: string,
  asking?: Asking,
): Promise<ServiceVerdict> {
  return must(
    await app.graphql(VERIFY_SERVICE, { n: name, t: token }, asking),
    'verifyServiceToken',
  ) as unknown as ServiceVerdict;
}
