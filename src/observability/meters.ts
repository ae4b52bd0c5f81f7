import type { Meters } from '../domain/meters.js';
import { limits } from '../domain/limits.js';
import { catalogue } from '../errors.js';
import type { Families } from './families.js';

/** What may become of a refresh: there from the start, so that the first one of a kind is seen as a rise. */
const REFRESHES = [
  'ROTATED',
  'REPLAYED',
  'REFRESH_TOKEN_INVALID',
  'REFRESH_TOKEN_REUSED',
  'SESSION_EXPIRED',
  'ACCOUNT_DELETED',
  'ACCOUNT_SUSPENDED',
];

/** Counts what is told. */
export function countInto(families: Families): Meters {
  begin(families);
  const {
    authgraph_http_request_duration_seconds: requests,
    authgraph_graphql_field_duration_seconds: fields,
    authgraph_graphql_errors_total: errors,
    authgraph_token_verifications_total: verifications,
    authgraph_credentials_refused_total: credentials,
    authgraph_refreshes_total: refreshes,
    authgraph_limit_decisions_total: decisions,
    authgraph_secret_checks_total: checks,
    authgraph_hash_wait_seconds: waits,
    authgraph_hash_duration_seconds: hashes,
    authgraph_hash_refusals_total: refusals,
    authgraph_revocation_propagation_seconds: propagation,
    authgraph_revocation_followers: followers,
    authgraph_redis_command_duration_seconds: redis,
  } = families;
  return {
    answered(door, status, ms) {
      // A stream that was open for a day is no slow answer.
      if (door === '/revocations' && status === 200) return;
      requests.cell(door ?? 'none', status).observe(ms / 1000);
    },
    resolved: (field, code, ms) => fields.cell(field, code).observe(ms / 1000),
    told: (code) => errors.add(code),
    verified: (outcome) => verifications.add(outcome),
    disbelieved: (reason) => credentials.add(reason),
    refreshed: (outcome) => refreshes.add(outcome),
    charged: (limit, isGiven) => decisions.add(limit, isGiven ? 'given' : 'refused'),
    tried: (outcome) => checks.add(outcome),
    hashed(kind, waitMs, workMs) {
      waits.cell().observe(waitMs / 1000);
      hashes.cell(kind).observe(workMs / 1000);
    },
    turnedAway: () => refusals.add(),
    heard: (ms) => propagation.cell().observe(ms / 1000),
    followed: (readers) => followers.set(readers),
    askedRedis: (command, isAnswered, ms) =>
      redis.cell(command, isAnswered ? 'answered' : 'failed').observe(ms / 1000),
  };
}

function begin(families: Families): void {
  for (const outcome of REFRESHES) families.authgraph_refreshes_total.cell(outcome);
  for (const outcome of ['right', 'wrong', 'unknown']) families.authgraph_secret_checks_total.cell(outcome);
  for (const limit of Object.keys(limits))
    for (const decision of ['given', 'refused'])
      families.authgraph_limit_decisions_total.cell(limit, decision);
  families.authgraph_token_verifications_total.cell('VALID');
  families.authgraph_revocation_followers.set(0);
  for (const code of Object.keys(catalogue)) families.authgraph_graphql_errors_total.cell(code);
}
