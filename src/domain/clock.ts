/** Where time comes from; passed in, so that tests can move it. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Milliseconds that never jump, for measuring ages. */
  monotonic(): number;
}
