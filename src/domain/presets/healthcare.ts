import type { Preset } from './shape.js';

/** What looking after patients takes. */
const PATIENTS = {
  READ_PATIENT: 'See the records of patients.',
  WRITE_PATIENT: 'Add to and change the records of patients.',
  READ_APPOINTMENT: 'See the appointments of patients.',
  WRITE_APPOINTMENT: 'Make, move and cancel appointments of patients.',
  READ_PRESCRIPTION: 'See what patients were prescribed.',
  WRITE_PRESCRIPTION: 'Prescribe.',
};

/** A clinic: patients sign up, providers look after them, and an admin runs the accounts without seeing a patient's data. */
export const healthcare: Preset = {
  permissions: [
    { name: 'READ_OWN_RECORD', description: 'See one’s own record, appointments and prescriptions.' },
    ...Object.entries(PATIENTS).map(([name, description]) => ({ name, description })),
  ],
  roles: [
    {
      name: 'PATIENT',
      rank: 10,
      description: 'Whoever signed up; sees their own record.',
      permissions: ['READ_OWN_RECORD'],
    },
    {
      name: 'PROVIDER',
      rank: 20,
      description: 'Looks after patients: doctors, nurses, therapists.',
      permissions: Object.keys(PATIENTS),
    },
    {
      name: 'ADMIN',
      rank: 50,
      description: 'Runs accounts and sees what happens, but no data of patients.',
      permissions: [
        ...['users:read', 'users:manage', 'sessions:manage', 'roles:read', 'services:read'],
        ...['audit:read', 'alerts:manage', 'reports:read'],
      ],
    },
  ],
  services: [],
  businessRoles: [],
  defaultRole: 'PATIENT',
};
