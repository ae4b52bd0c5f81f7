/**
 * Told of what happens, to be counted. Asked on the hot path: nothing here waits, throws or costs more than a fraction of a
 * microsecond, and nothing is told that a caller could choose freely, nor whom it is about. docs/observability.md says what
 * becomes of it.
 */
export interface Meters {
  /** A request was answered. @param door a path of ours; null for any other */
  answered(door: string | null, status: number, ms: number): void;
  /** A field of Query or Mutation was resolved. @param code of the catalogue of errors, or `OK` */
  resolved(field: string, code: string, ms: number): void;
  /** An error left by the graph. */
  told(code: string): void;
  /** What was said of a token: `VALID`, or why not. */
  verified(outcome: string): void;
  /** A credential came along with a request and was not believed. */
  disbelieved(reason: string): void;
  /** What became of a refresh: `ROTATED`, `REPLAYED`, or the code of the refusal. */
  refreshed(outcome: string): void;
  /** A point of a limit was asked for. */
  charged(limit: string, isGiven: boolean): void;
  /** A secret was tried; `unknown` where it could not be looked at. */
  tried(outcome: 'right' | 'wrong' | 'unknown'): void;
  /** A password was hashed, or compared with a hash. */
  hashed(kind: string, waitMs: number, workMs: number): void;
  /** Somebody was sent away because too many hashes wait. */
  turnedAway(): void;
  /** An entry of the feed of revocations was read so long after it was written. */
  heard(ms: number): void;
  /** So many follow the feed from outside now. */
  followed(readers: number): void;
  /** Redis was asked. */
  askedRedis(command: string, isAnswered: boolean, ms: number): void;
}

const ignore = () => undefined;

/** Where nobody counts. */
export const silentMeters: Meters = {
  answered: ignore,
  resolved: ignore,
  told: ignore,
  verified: ignore,
  disbelieved: ignore,
  refreshed: ignore,
  charged: ignore,
  tried: ignore,
  hashed: ignore,
  turnedAway: ignore,
  heard: ignore,
  followed: ignore,
  askedRedis: ignore,
};
