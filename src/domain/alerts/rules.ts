import { findEscalations } from './escalation.js';
import { findExpiringTokens } from './expiring-tokens.js';
import { findFailuresByAccount, findFailuresByAddress, findStuffing } from './failures.js';
import { findNewPlaces, findUnusualHours } from './habits.js';
import { findNewNetworks } from './new-network.js';
import { findReuse } from './reuse.js';
import type { Rule } from './rule.js';
import { findTwoNetworks } from './two-networks.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FOR_GOOD = Number.POSITIVE_INFINITY;
const ALL = Number.POSITIVE_INFINITY;

/**
 * What is suspicious: every rule of the service, by the type of the alerts that it raises. docs/operations.md says the
 * same for people. Numbers without another source are ours: low enough to notice somebody who guesses within the limits
 * of src/domain/limits.ts, high enough for somebody who mistypes.
 */
export const rules = {
  repeated_failures_account: {
    looksFor: 'many failed checks of one account’s secrets',
    severity: 'MEDIUM',
    wakes: ['sign_in.failed', 'password.refused', 'mfa.failed'],
    atLeast: 5,
    windowSeconds: 15 * MINUTE,
    quietSeconds: HOUR,
    find: findFailuresByAccount,
  },
  repeated_failures_address: {
    looksFor: 'many failed checks of secrets from one network; HIGH where they are those of several accounts',
    severity: 'MEDIUM',
    wakes: ['sign_in.failed', 'password.refused', 'mfa.failed'],
    atLeast: 20,
    windowSeconds: 15 * MINUTE,
    quietSeconds: HOUR,
    find: findFailuresByAddress,
  },
  credential_stuffing: {
    looksFor:
      'many failed checks of secrets over all accounts and addresses together: a list is gone through, and the budget that all strangers share is being used up',
    severity: 'HIGH',
    wakes: ['sign_in.failed', 'password.refused', 'mfa.failed'],
    // A fifth of that budget (failuresOverall).
    atLeast: 1000,
    windowSeconds: 15 * MINUTE,
    quietSeconds: HOUR,
    find: findStuffing,
  },
  refresh_reuse: {
    looksFor: 'a spent refresh token that came again: somebody has a copy',
    severity: 'HIGH',
    wakes: ['refresh.reused'],
    atLeast: 1,
    windowSeconds: 0,
    quietSeconds: FOR_GOOD,
    find: findReuse,
  },
  role_escalation: {
    looksFor:
      'an account raised to staff or given more of the platform’s permissions, or a role that carries more of them; HIGH where OWNER was granted',
    severity: 'MEDIUM',
    wakes: ['roles.set', 'role.updated'],
    atLeast: 1,
    windowSeconds: 0,
    quietSeconds: FOR_GOOD,
    find: findEscalations,
  },
  unusual_hours: {
    looksFor: 'a sign-in at an hour of the day (UTC), two more or less, at which the account never signed in',
    severity: 'LOW',
    wakes: ['sign_in.succeeded'],
    atLeast: 20,
    windowSeconds: 90 * DAY,
    quietSeconds: DAY,
    find: findUnusualHours,
  },
  new_place: {
    looksFor:
      'a sign-in from a place the account never signed in from; a network (LOW) where places are not known',
    severity: 'MEDIUM',
    wakes: ['sign_in.succeeded'],
    atLeast: 3,
    windowSeconds: 90 * DAY,
    quietSeconds: DAY,
    find: findNewPlaces,
  },
  token_two_networks: {
    looksFor:
      'one session used from two networks by turns within minutes; LOW where it only moved from one to the other',
    severity: 'MEDIUM',
    wakes: ['refresh.rotated'],
    alwaysLooks: true,
    eventsAtOnce: ALL,
    atLeast: 2,
    windowSeconds: 5 * MINUTE,
    quietSeconds: FOR_GOOD,
    find: findTwoNetworks,
  },
  service_token_expiring: {
    looksFor: 'a service token in use that expires within 14 days and has no successor',
    severity: 'LOW',
    wakes: [],
    alwaysLooks: true,
    atLeast: 1,
    windowSeconds: 14 * DAY,
    quietSeconds: FOR_GOOD,
    find: findExpiringTokens,
  },
  service_token_new_network: {
    looksFor:
      'a service token used from a network where neither it nor those before it in its line were used',
    severity: 'MEDIUM',
    wakes: [],
    alwaysLooks: true,
    atLeast: 1,
    windowSeconds: 90 * DAY,
    quietSeconds: FOR_GOOD,
    find: findNewNetworks,
  },
} as const satisfies Record<string, Rule>;
