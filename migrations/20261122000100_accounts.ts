import type { Knex } from 'knex';
import { uuidv7 } from 'uuidv7';

/** Accounts, roles and the permissions that roles carry. Instants are to the millisecond, so that cursors compare exactly. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table users (
      id uuid primary key,
      email text not null,
      email_key text not null constraint users_email_taken unique,
      username text not null,
      username_key text not null constraint users_username_taken unique,
      password_hash text not null,
      password_changed_at timestamptz(3) not null default now(),
      first_name text not null,
      middle_name text,
      last_name text,
      phone text,
      telegram text,
      country text,
      birth_date date,
      email_verified_at timestamptz(3),
      authz_version integer not null default 1,
      last_sign_in_at timestamptz(3),
      suspended_at timestamptz(3),
      suspension_reason text,
      deleted_at timestamptz(3),
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now()
    );
    create index users_by_creation on users (created_at, id);
    create index users_by_update on users (updated_at, id);

    create table permissions (
      name text primary key,
      description text,
      built_in boolean not null default false
    );
    create table roles (
      id uuid primary key,
      name text not null,
      name_key text not null constraint roles_name_taken unique,
      description text,
      rank integer not null,
      built_in boolean not null default false,
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now()
    );
    create table role_permissions (
      role_id uuid not null references roles on delete cascade,
      permission text not null references permissions,
      primary key (role_id, permission)
    );
    create table user_roles (
      user_id uuid not null references users on delete cascade,
      role_id uuid not null references roles on delete cascade,
      granted_at timestamptz(3) not null default now(),
      primary key (user_id, role_id)
    );
    create index user_roles_by_role on user_roles (role_id);
  `);
  await seed(knex);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table user_roles, role_permissions, roles, permissions, users');
}

const PERMISSIONS: Record<string, string> = {
  'users:read': 'See every account with all its fields.',
  'users:manage': 'Change, suspend, delete and restore accounts of lower rank, and set their roles.',
  'sessions:manage': "See and end other people's sessions.",
  'roles:read': 'See roles and permissions.',
  'roles:manage': 'Make, change and delete roles of lower rank.',
  'tokens:introspect': "Ask about anybody's token.",
  'keys:manage': 'See, rotate and revoke signing keys.',
};

const STAFF = ['users:read', 'users:manage', 'sessions:manage', 'roles:read'];
const ROLES: [name: string, rank: number, description: string, permissions: string[]][] = [
  ['USER', 10, 'Anyone who signed up.', []],
  ['STAFF', 20, 'Looks after the accounts of users.', STAFF],
  [
    'HIGHER_STAFF',
    30,
    'Looks after staff as well, and makes roles below its own.',
    [...STAFF, 'roles:manage', 'tokens:introspect'],
  ],
  ['OWNER', 100, 'May do everything.', Object.keys(PERMISSIONS)],
];

async function seed(knex: Knex): Promise<void> {
  const permissions = Object.entries(PERMISSIONS).map(([name, description]) => ({
    name,
    description,
    built_in: true,
  }));
  await knex('permissions').insert(permissions);
  for (const [name, rank, description, granted] of ROLES) {
    const id = uuidv7();
    await knex('roles').insert({ id, name, name_key: name.toLowerCase(), rank, description, built_in: true });
    if (granted.length > 0)
      await knex('role_permissions').insert(granted.map((permission) => ({ role_id: id, permission })));
  }
}
