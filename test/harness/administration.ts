import { randomUUID } from 'node:crypto';
import type { Answer, TestApp } from './app.js';
import type { Person } from './people.js';
import type { Look } from './look.js';

/** An id that nothing has. */
export const UNKNOWN = '01890000-0000-7000-8000-000000000000';
/** What is no id at all, and must be answered as an unknown one. */
export const MALFORMED = [
  '',
  'x',
  '42',
  `${UNKNOWN}0`,
  "' OR 1=1 --",
  '00000000000000000000000000000000',
  'é\u0000',
];

/** The names of the fields that an error says are wrong. */
export const fieldsOf = ({ errors }: Answer): string[] =>
  (errors[0]?.extensions.fields ?? []).map(({ name }) => name).sort();

/** Somebody who runs the house, by the words of the trade. Each answers as it came, refused or not. */
export function actingAs(app: Pick<TestApp, 'graphql'>, { access }: Pick<Person, 'access'>) {
  const run = (query: string, variables: Record<string, unknown>) =>
    app.graphql(query, variables, { bearer: access });
  const onUser = (name: string) => (id: string) =>
    run(`mutation ($id: ID!) { ${name}(id: $id) { id status } }`, { id });
  const ROLE = '{ id name description rank builtIn userCount permissions { name } }';
  return {
    deleteUser: onUser('deleteUser'),
    restoreUser: onUser('restoreUser'),
    suspendUser: onUser('suspendUser'),
    reinstateUser: onUser('reinstateUser'),
    createUser: (input: object) =>
      run(`mutation ($input: CreateUserInput!) { createUser(input: $input) ${PROFILE} }`, { input }),
    resendInvitation: (userId: string) =>
      run('mutation ($userId: ID!) { resendInvitation(userId: $userId) }', { userId }),
    exportUserData: (userId: string) =>
      run('mutation ($userId: ID!) { exportUserData(userId: $userId) }', { userId }),
    eraseUser: (id: string) => run('mutation ($id: ID!) { eraseUser(id: $id) }', { id }),
    updateUser: (id: string, input: object) =>
      run(`mutation ($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) ${PROFILE} }`, {
        id,
        input,
      }),
    updateMe: (input: object) =>
      run(`mutation ($input: UpdateMeInput!) { updateMe(input: $input) ${PROFILE} }`, { input }),
    setUserRoles: (userId: string, roleIds: string[]) =>
      run(
        'mutation ($userId: ID!, $roleIds: [ID!]!) { setUserRoles(userId: $userId, roleIds: $roleIds) { id roles { name } permissions } }',
        { userId, roleIds },
      ),
    revokeUserSessions: (userId: string) =>
      run('mutation ($userId: ID!) { revokeUserSessions(userId: $userId) }', { userId }),
    revokeSession: (id: string) => run('mutation ($id: ID!) { revokeSession(id: $id) }', { id }),
    deleteMe: (password: string) =>
      run('mutation ($password: String!) { deleteMe(password: $password) }', { password }),
    createRole: (input: object) =>
      run(`mutation ($input: CreateRoleInput!) { createRole(input: $input) ${ROLE} }`, { input }),
    updateRole: (id: string, input: object) =>
      run(`mutation ($id: ID!, $input: UpdateRoleInput!) { updateRole(id: $id, input: $input) ${ROLE} }`, {
        id,
        input,
      }),
    deleteRole: (id: string) => run('mutation ($id: ID!) { deleteRole(id: $id) }', { id }),
    role: (id: string) => run(`query ($id: ID!) { role(id: $id) ${ROLE} }`, { id }),
    user: (id: string) => run(`query ($id: ID!) { user(id: $id) ${PROFILE} }`, { id }),
    users: (variables: Record<string, unknown> = {}, selection = 'nodes { username }') =>
      run(
        `query ($first: Int, $after: String, $last: Int, $before: String, $filter: UserFilter, $orderBy: UserOrder) {
          users(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) { ${selection} }
        }`,
        variables,
      ),
    /** How reads are guarded: refused at once when users:read is gone. */
    peek: () => run('{ users(first: 1) { nodes { id } } }', {}),
  };
}

const PROFILE =
  '{ id username firstName middleName lastName email phone telegram country birthDate status isEmailVerified roles { name } }';

/** An account that nobody can sign in to, set in place without the cost of a password. @returns its id */
export async function settle(
  look: Look,
  username: string,
  columns: Record<string, unknown> = {},
): Promise<string> {
  const email = `${username}@example.test`;
  const row: Record<string, unknown> = {
    id: randomUUID(),
    username,
    username_key: username.toLowerCase(),
    email,
    email_key: email.toLowerCase(),
    first_name: 'Set',
    password_hash: 'none',
    ...columns,
  };
  const names = Object.keys(row);
  await look(
    `insert into users (${names.join(', ')}) values (${names.map((_, at) => `$${at + 1}`).join(', ')})`,
    Object.values(row),
  );
  return String(row['id']);
}
