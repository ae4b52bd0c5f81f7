import type { Answer, TestApp } from './app.js';
import type { Person } from './people.js';

const SERVICE = '{ id name description status createdAt updatedAt }';
const BUSINESS_ROLE = '{ id name description permissions service { id name } }';
const ACCESS = '{ service { id name status } role { id name permissions } status expiresAt valid }';

type Door = Pick<TestApp, 'graphql'>;

/** Somebody who says which account may use which service. Each answers as it came, refused or not. */
export function servicesDesk(app: Door, { access }: Pick<Person, 'access'>) {
  const run = (query: string, variables: Record<string, unknown> = {}) =>
    app.graphql(query, variables, { bearer: access });
  return {
    run,
    service: (id: string) => run(`query ($id: ID!) { service(id: $id) ${SERVICE} }`, { id }),
    services: (variables: object = {}, selection = 'nodes { id name status }') =>
      run(`query ($first: Int, $after: String) { services(first: $first, after: $after) { ${selection} } }`, {
        ...variables,
      }),
    createService: (input: object) =>
      run(`mutation ($input: CreateServiceInput!) { createService(input: $input) ${SERVICE} }`, { input }),
    updateService: (id: string, input: object) =>
      run(
        `mutation ($id: ID!, $input: UpdateServiceInput!) { updateService(id: $id, input: $input) ${SERVICE} }`,
        {
          id,
          input,
        },
      ),
    deleteService: (id: string) => run('mutation ($id: ID!) { deleteService(id: $id) }', { id }),
    businessRole: (id: string) => run(`query ($id: ID!) { businessRole(id: $id) ${BUSINESS_ROLE} }`, { id }),
    businessRoles: (variables: object = {}, selection = 'nodes { id name }') =>
      run(
        `query ($first: Int, $after: String, $serviceId: ID) {
          businessRoles(first: $first, after: $after, serviceId: $serviceId) { ${selection} } }`,
        { ...variables },
      ),
    createBusinessRole: (input: object) =>
      run(
        `mutation ($input: CreateBusinessRoleInput!) { createBusinessRole(input: $input) ${BUSINESS_ROLE} }`,
        { input },
      ),
    updateBusinessRole: (id: string, input: object) =>
      run(
        `mutation ($id: ID!, $input: UpdateBusinessRoleInput!) { updateBusinessRole(id: $id, input: $input) ${BUSINESS_ROLE} }`,
        { id, input },
      ),
    deleteBusinessRole: (id: string) => run('mutation ($id: ID!) { deleteBusinessRole(id: $id) }', { id }),
    setUserServices: (userId: string, services: object[]) =>
      run(
        `mutation ($userId: ID!, $services: [ServiceAccessInput!]!) {
          setUserServices(userId: $userId, services: $services) { id services ${ACCESS} } }`,
        { userId, services },
      ),
    servicesOf: (id: string) => run(`query ($id: ID!) { user(id: $id) { services ${ACCESS} } }`, { id }),
    createPermission: (name: string) =>
      run('mutation ($name: String!) { createPermission(name: $name) { name } }', { name }),
  };
}

export type ServicesDesk = ReturnType<typeof servicesDesk>;

let made = 0;
const idIn = ({ data, body }: Answer, field: string): string => {
  const made = data[field] as { id: string } | null | undefined;
  if (!made) throw new Error(body);
  return made.id;
};

/** A new service. @returns its id */
export const serviceOf = async (desk: ServicesDesk, input: object = {}): Promise<string> =>
  idIn(await desk.createService({ name: `service-${++made}`, ...input }), 'createService');

/** A new business role, general unless said. @returns its id */
export const businessRoleOf = async (desk: ServicesDesk, input: object = {}): Promise<string> =>
  idIn(
    await desk.createBusinessRole({ name: `kind-${++made}`, permissions: [], ...input }),
    'createBusinessRole',
  );

/** What verifyToken answers in full. */
export interface Verdict {
  valid: boolean;
  reason: string | null;
  subject: { permissions: string[] } | null;
  service: {
    service: { id: string; name: string; status: string };
    role: { id: string; name: string; permissions: string[] } | null;
    status: string;
    expiresAt: string | null;
    valid: boolean;
  } | null;
  scopes: string[];
}

/** Asks the gateway's question: may this token be trusted, at that service, for this? */
export async function judge(
  app: Door,
  token: string,
  serviceId: string | null = null,
  requires: string[] | null = null,
): Promise<Verdict> {
  const { data, body } = await app.graphql(
    `query ($token: String!, $serviceId: ID, $requires: [String!]) {
      verifyToken(token: $token, serviceId: $serviceId, requires: $requires) {
        valid reason subject { permissions } service ${ACCESS} scopes } }`,
    { token, serviceId, requires },
  );
  if (!data['verifyToken']) throw new Error(body);
  return data['verifyToken'] as Verdict;
}
