/** One family of metrics, by the naming rules of Prometheus: seconds, and `_total` for what only grows. */
export interface Instrument {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Names of labels; each has few values, none of which a caller can choose. */
  readonly labels: readonly string[];
  /** Upper bounds of the buckets of a histogram, in seconds. */
  readonly buckets?: readonly number[];
  readonly help: string;
}

/** From memory, up to a query: 100 µs to 10 s. */
const QUICK = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** What is awaited from another process: 1 ms to 30 s. */
const SLOW = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Every metric of our own. docs/observability.md says which question each answers, and a test holds the two together. */
export const instruments = {
  authgraph_http_request_duration_seconds: {
    type: 'histogram',
    labels: ['door', 'status'],
    buckets: QUICK,
    help: 'Time from the head of a request to the end of its answer, by path and status; other paths are "none".',
  },
  authgraph_graphql_field_duration_seconds: {
    type: 'histogram',
    labels: ['field', 'code'],
    buckets: QUICK,
    help: 'Time to resolve a field of Query or Mutation, guard included, by its code: OK or one of docs/errors.md.',
  },
  authgraph_graphql_errors_total: {
    type: 'counter',
    labels: ['code'],
    help: 'Errors in answers of the graph, those about documents included.',
  },
  authgraph_token_verifications_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Tokens that were asked about: VALID, or the reason of the refusal.',
  },
  authgraph_credentials_refused_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Bearer and service tokens that came with a request and were not believed.',
  },
  authgraph_refreshes_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Refreshes: ROTATED, REPLAYED (the same successor again), or the code of the refusal.',
  },
  authgraph_secret_checks_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Passwords, codes and recovery codes that were tried: right, wrong, or unknown where none could be looked at.',
  },
  authgraph_limit_decisions_total: {
    type: 'counter',
    labels: ['limit', 'decision'],
    help: 'Points of limits that were asked for, given or refused.',
  },
  authgraph_hash_wait_seconds: {
    type: 'histogram',
    labels: [],
    buckets: SLOW,
    help: 'How long passwords waited for their turn to be hashed.',
  },
  authgraph_hash_duration_seconds: {
    type: 'histogram',
    labels: ['kind'],
    buckets: SLOW,
    help: 'How long a hash took: make, or check.',
  },
  authgraph_hash_refusals_total: {
    type: 'counter',
    labels: [],
    help: 'Callers that were sent away because too many hashes waited.',
  },
  authgraph_hash_queue_waiting: {
    type: 'gauge',
    labels: [],
    help: 'Passwords that wait to be hashed, places that are taken for one included.',
  },
  authgraph_hash_processes_busy: { type: 'gauge', labels: [], help: 'Threads and processes that hash now.' },
  authgraph_hash_processes_limit: {
    type: 'gauge',
    labels: [],
    help: 'Threads and processes that may hash.',
  },
  authgraph_revocation_propagation_seconds: {
    type: 'histogram',
    labels: [],
    buckets: SLOW,
    help: 'From writing an entry of the feed of revocations until this process knew it, by the clock of PostgreSQL.',
  },
  authgraph_revocation_feed_age_seconds: {
    type: 'gauge',
    labels: [],
    help: 'How long ago this process last heard every revocation: beyond 10 it asks before it answers, beyond 30 it answers no more.',
  },
  authgraph_revocation_followers: {
    type: 'gauge',
    labels: [],
    help: 'Open streams of /revocations.',
  },
  authgraph_db_query_duration_seconds: {
    type: 'histogram',
    labels: ['pool', 'operation'],
    buckets: QUICK,
    help: 'Time of a statement of SQL, by pool and first word.',
  },
  authgraph_db_query_errors_total: {
    type: 'counter',
    labels: ['pool', 'class'],
    help: 'Statements that failed, by the class of their SQLSTATE; "none" where PostgreSQL said nothing.',
  },
  authgraph_db_pool_wait_seconds: {
    type: 'histogram',
    labels: ['pool'],
    buckets: QUICK,
    help: 'How long work waited for a connection.',
  },
  authgraph_db_pool_timeouts_total: {
    type: 'counter',
    labels: ['pool'],
    help: 'Work that got no connection in time.',
  },
  authgraph_db_pool_connections: {
    type: 'gauge',
    labels: ['pool', 'state'],
    help: 'Connections to PostgreSQL: used, or free.',
  },
  authgraph_db_pool_waiting: { type: 'gauge', labels: ['pool'], help: 'Who waits for a connection now.' },
  authgraph_db_pool_limit: { type: 'gauge', labels: ['pool'], help: 'Connections that there may be.' },
  authgraph_redis_up: {
    type: 'gauge',
    labels: [],
    help: '1 while the connection to Redis stands, where there is one.',
  },
  authgraph_redis_command_duration_seconds: {
    type: 'histogram',
    labels: ['command', 'outcome'],
    buckets: QUICK,
    help: 'Time of a command of Redis; outcome failed where it was away or too slow.',
  },
  authgraph_backlog_waiting: {
    type: 'gauge',
    labels: ['kind'],
    help: 'What waits to leave, in the whole deployment: mail, or webhook deliveries.',
  },
  authgraph_backlog_oldest_seconds: {
    type: 'gauge',
    labels: ['kind'],
    help: 'How long the oldest of them has waited.',
  },
  authgraph_audit_unsealed_seconds: {
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest audit event that is not sealed yet; 0 where all are.',
  },
  authgraph_security_alerts_open: {
    type: 'gauge',
    labels: ['severity'],
    help: 'Security alerts that nobody has dealt with, in the whole deployment.',
  },
  authgraph_signing_key_age_seconds: {
    type: 'gauge',
    labels: [],
    help: 'How long the key that signs access tokens has been signing.',
  },
  authgraph_issuer_keys_age_seconds: {
    type: 'gauge',
    labels: ['issuer'],
    help: 'How long ago the keys of a trusted issuer were fetched; +Inf before the first time.',
  },
  authgraph_build_info: {
    type: 'gauge',
    labels: ['version', 'node', 'mode'],
    help: '1, with the version that runs; mode is accounts or stateless.',
  },
} as const satisfies Record<string, Instrument>;

/** The name of a metric. */
export type InstrumentName = keyof typeof instruments;
