/**
 * One limit: at most `points` charges for a key within `seconds`, counted from the first of them. `LIMITS_SCALE` multiplies
 * the points.
 */
export interface Limit {
  /**
   * What the key is. `login` is the account, or the normalised login where nobody has it; `address` the caller's network,
   * where it is not only the gateway's, else the service that stands in between; `caller` the account or service that asks,
   * else its address; `all` is everybody together.
   */
  readonly by: 'login' | 'account' | 'device' | 'session' | 'address' | 'service' | 'caller' | 'all';
  readonly points: number;
  readonly seconds: number;
  /**
   * Who counts, beside each process for itself: PostgreSQL for what is dear, Redis, where there is one, for what is
   * frequent, nobody for what is cheap.
   */
  readonly counted: 'postgres' | 'redis' | 'process';
  /** Used up by failures again and again within a day, it stays closed for longer each time. */
  readonly growing?: true;
  /** What it counts, in words for docs/permissions.md. */
  readonly of: string;
}

const MINUTE = 60;
const QUARTER = 15 * MINUTE;
const HOUR = 60 * MINUTE;

/**
 * Every limit of the service. `docs/permissions.md` is printed from it.
 * @see docs/decisions/0014-throttling.md
 */
export const limits = {
  secretChecks: {
    by: 'login',
    points: 10,
    seconds: QUARTER,
    counted: 'postgres',
    growing: true,
    of: 'checks of an account’s secrets (password, code, recovery code) from devices it does not know; wrong ones count, wherever they come from',
  },
  secretChecksOnDevice: {
    by: 'device',
    points: 10,
    seconds: QUARTER,
    counted: 'postgres',
    growing: true,
    of: 'wrong secrets from one known device of an account, or from a session that it opened',
  },
  secretChecksOnFormerDevices: {
    by: 'login',
    points: 10,
    seconds: QUARTER,
    counted: 'postgres',
    growing: true,
    of: 'wrong secrets from all devices together that the account knew before its password or its app changed',
  },
  secretChecksInSession: {
    by: 'session',
    points: 10,
    seconds: QUARTER,
    counted: 'postgres',
    growing: true,
    of: 'wrong secrets from one session that no device is known of',
  },
  failuresFromAddress: {
    by: 'address',
    points: 300,
    seconds: QUARTER,
    counted: 'postgres',
    of: 'wrong secrets of any accounts from one address, known devices left out',
  },
  failuresByService: {
    by: 'service',
    points: 3000,
    seconds: QUARTER,
    counted: 'postgres',
    of: 'wrong secrets of any accounts that one service passes on, known devices left out',
  },
  failuresOverall: {
    by: 'all',
    points: 5000,
    seconds: QUARTER,
    counted: 'postgres',
    of: 'wrong secrets of all accounts together, known devices left out',
  },
  signUpFromAddress: {
    by: 'address',
    points: 100,
    seconds: HOUR,
    counted: 'postgres',
    of: 'sign-ups',
  },
  signInFromAddress: {
    by: 'address',
    points: 300,
    seconds: QUARTER,
    counted: 'redis',
    of: 'sign-ins and their second steps, right or wrong',
  },
  refreshFromAddress: { by: 'address', points: 1000, seconds: MINUTE, counted: 'redis', of: 'refreshes' },
  revokeFromAddress: { by: 'address', points: 1000, seconds: MINUTE, counted: 'redis', of: 'revocations' },
  linksFromAddress: {
    by: 'address',
    points: 100,
    seconds: QUARTER,
    counted: 'postgres',
    of: 'links asked for and links used',
  },
  mailToAddress: {
    by: 'login',
    points: 5,
    seconds: HOUR,
    counted: 'postgres',
    of: 'mail that anybody may ask for, by its recipient',
  },
  noticesToAddress: {
    by: 'login',
    points: 20,
    seconds: HOUR,
    counted: 'postgres',
    of: 'notices of changes, by their recipient',
  },
  undoLinksToAddress: {
    by: 'login',
    points: 20,
    seconds: HOUR,
    counted: 'postgres',
    of: 'links that undo a change of address, by their recipient',
  },
  emailChangesByAccount: {
    by: 'account',
    points: 10,
    seconds: HOUR,
    counted: 'postgres',
    of: 'changes of address asked for by one account',
  },
  exportsByAccount: {
    by: 'account',
    points: 60,
    seconds: HOUR,
    counted: 'postgres',
    of: 'exports of what is held about an account',
  },
  changesByAccount: {
    by: 'account',
    points: 3000,
    seconds: MINUTE,
    counted: 'redis',
    of: 'changes by one account or service',
  },
  callsByService: {
    by: 'service',
    points: 3000,
    seconds: MINUTE,
    counted: 'redis',
    of: 'JWTs that one service asks for, and tokens that it ends, at the doors of OAuth',
  },
  proofsFromAddress: {
    by: 'address',
    points: 1000,
    seconds: QUARTER,
    counted: 'redis',
    of: 'service tokens at the doors of OAuth that prove nobody',
  },
  readsByCaller: { by: 'caller', points: 60_000, seconds: MINUTE, counted: 'process', of: 'questions' },
  reportsByCaller: {
    by: 'caller',
    points: 3000,
    seconds: MINUTE,
    counted: 'process',
    of: 'questions that read a lot: lists of accounts, the record, reports',
  },
  verificationsByCaller: {
    by: 'caller',
    points: 600_000,
    seconds: MINUTE,
    counted: 'process',
    of: 'verifications of tokens',
  },
  requestsFromAddress: {
    by: 'address',
    points: 120_000,
    seconds: MINUTE,
    counted: 'process',
    of: 'requests to the graph or a door of OAuth, let in or not',
  },
  callsFromRouter: {
    by: 'address',
    points: 600_000,
    seconds: MINUTE,
    counted: 'process',
    of: 'calls of a router that asks about its clients’ tokens, proved or not',
  },
  documentsFromAddress: {
    by: 'address',
    points: 6000,
    seconds: MINUTE,
    counted: 'process',
    of: 'fetches of the public keys and of the discovery document',
  },
  pagesFromAddress: {
    by: 'address',
    points: 1000,
    seconds: MINUTE,
    counted: 'process',
    of: 'visits of the pages that mailed links open',
  },
} as const satisfies Record<string, Limit>;

/** The name of a limit. */
export type LimitName = keyof typeof limits;

/** Limits that a process counts by itself: one call, and no waiting. */
export type ProcessLimitName = {
  [Name in LimitName]: (typeof limits)[Name]['counted'] extends 'process' ? Name : never;
}[LimitName];
