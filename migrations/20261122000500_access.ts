import type { Knex } from 'knex';

/** What accounts are inside applications, the credentials of services, and which role newcomers get. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The name of a deleted service is free again.
    alter table services drop constraint services_name_taken;
    create unique index services_name_taken on services (name) where deleted_at is null;

    create table business_roles (
      id uuid primary key,
      service_id uuid references services on delete cascade,
      name text not null,
      name_key text not null,
      description text,
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now()
    );
    create unique index business_roles_name_taken on business_roles (name_key, service_id) where service_id is not null;
    create unique index business_roles_general_name_taken on business_roles (name_key) where service_id is null;
    create index business_roles_by_service on business_roles (service_id);

    create table business_role_permissions (
      business_role_id uuid not null references business_roles on delete cascade,
      permission text not null references permissions,
      primary key (business_role_id, permission)
    );
    create index business_role_permissions_by_permission on business_role_permissions (permission);
    create index role_permissions_by_permission on role_permissions (permission);

    create table service_access (
      user_id uuid not null references users on delete cascade,
      service_id uuid not null references services on delete cascade,
      business_role_id uuid references business_roles on delete set null,
      status text not null default 'ACTIVE' check (status in ('ACTIVE', 'SUSPENDED')),
      expires_at timestamptz(3),
      created_at timestamptz(3) not null default now(),
      primary key (user_id, service_id)
    );
    create index service_access_by_service on service_access (service_id, user_id);
    create index service_access_by_business_role on service_access (business_role_id);

    create table service_tokens (
      id uuid primary key,
      service_id uuid not null references services on delete cascade,
      -- Tokens that replace one another by rotation share a line.
      line_id uuid not null,
      label text,
      prefix text not null,
      secret_hash bytea not null,
      scopes text[] not null,
      created_at timestamptz(3) not null default now(),
      expires_at timestamptz(3),
      last_used_at timestamptz(3),
      revoked_at timestamptz(3)
    );
    create index service_tokens_by_service on service_tokens (service_id, id);
    create index service_tokens_by_expiry on service_tokens (expires_at) where revoked_at is null;

    alter table roles add column is_default boolean not null default false;
    update roles set is_default = true where name_key = 'user';
    create unique index roles_one_default on roles (is_default) where is_default;
  `);
  await permit(knex);
}

export async function down(knex: Knex): Promise<void> {
  await knex('role_permissions').whereIn('permission', Object.keys(PERMISSIONS)).delete();
  await knex.raw(`
    alter table roles drop column is_default;
    drop table service_tokens, service_access, business_role_permissions, business_roles;
    drop index role_permissions_by_permission;
    delete from services where deleted_at is not null;
    drop index services_name_taken;
    alter table services add constraint services_name_taken unique (name);
  `);
  await knex('permissions').whereIn('name', Object.keys(PERMISSIONS)).delete();
}

const HIGHER_STAFF = ['HIGHER_STAFF', 'OWNER'];

/** Each new permission of the platform, and the built-in roles that carry it from the start. */
const PERMISSIONS: Record<string, { description: string; roles: string[] }> = {
  'services:read': {
    description: 'See services and what is registered for them.',
    roles: ['STAFF', ...HIGHER_STAFF],
  },
  'services:manage': {
    description: 'Register, change and delete services, and issue and revoke their tokens.',
    roles: HIGHER_STAFF,
  },
  'audit:read': { description: 'Read the audit record and security alerts.', roles: HIGHER_STAFF },
  'alerts:manage': { description: 'Acknowledge security alerts.', roles: HIGHER_STAFF },
  'reports:read': { description: 'Read reports of sign-ins and access.', roles: HIGHER_STAFF },
  'users:export': { description: 'Export everything held about an account.', roles: HIGHER_STAFF },
  'users:erase': { description: 'Erase the personal data of deleted accounts for good.', roles: ['OWNER'] },
};

async function permit(knex: Knex): Promise<void> {
  for (const [name, { description, roles }] of Object.entries(PERMISSIONS)) {
    // An application may have taken the name before it was the platform's.
    await knex('permissions')
      .insert({ name, description, built_in: true })
      .onConflict('name')
      .merge(['description', 'built_in']);
    await knex.raw(
      `insert into role_permissions (role_id, permission)
       select id, ? from roles where built_in and name = any(?) on conflict do nothing`,
      [name, roles],
    );
  }
}
