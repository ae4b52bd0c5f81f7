import type { Preset } from './shape.js';

const STAFF = ['users:read', 'users:manage', 'sessions:manage', 'roles:read', 'services:read'];

/** The built-in roles with what they carry from the start, as the migrations made them. OWNER carries everything there is. */
export const platform: Preset = {
  permissions: [],
  roles: [
    { name: 'USER', rank: 10, permissions: [] },
    { name: 'STAFF', rank: 20, permissions: STAFF },
    {
      name: 'HIGHER_STAFF',
      rank: 30,
      permissions: [
        ...STAFF,
        ...['roles:manage', 'tokens:introspect', 'services:manage', 'users:export'],
        ...['audit:read', 'alerts:manage', 'reports:read'],
      ],
    },
    { name: 'OWNER', rank: 100, permissions: [] },
  ],
  services: [],
  businessRoles: [],
};
