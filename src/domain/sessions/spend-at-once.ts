import { timingSafeEqual } from 'node:crypto';
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import { atOnce, type Statement } from '../../db/at-once.js';
import { gather } from '../../db/gather.js';
import { fromRowJson } from '../../db/models/row-json.js';
import { SessionModel } from '../../db/models/session.js';
import { UserModel } from '../../db/models/user.js';
import { isOfValues } from '../../db/transaction.js';
import { unite } from '../access.js';
import { eventOf } from '../audit.js';
import type { CataloguedRole } from '../catalogue.js';
import type { Client } from '../client.js';
import type { SessionDeps } from './deps.js';
import {
  makeRefreshToken,
  type NewRefreshToken,
  type Opened,
  type TokenHolder,
  type TokenSession,
} from './open.js';
import { digestOf, sealSuccessor, type RefreshToken } from './refresh-token.js';

/** Where a refresh token belongs: of what stands in the database of it, that which never changes. */
interface Origin {
  /** In hexadecimal digits: a string is less to hold on to than a buffer. */
  secretHash: string;
  sessionId: string;
  userId: string;
}

/** One refresh, as the statement takes it. */
type Wish = ReturnType<typeof wishFor>;

/** What a wish got that came true; rows only where it wanted them. */
interface Spent extends Pick<TokenHolder, 'username' | 'email'>, Omit<TokenSession, 'id'> {
  nth: number;
  version: number;
  roles: CataloguedRole[];
  account: Record<string, unknown> | null;
  session: Record<string, unknown> | null;
}

/** A token that was spent. */
interface Exchanged {
  origin: Origin;
  spent: Spent;
  successor: NewRefreshToken;
}

/** What the refreshes of one process have in common, for each pool. */
interface Till {
  origins: LRUCache<string, Origin>;
  originOf: (tokenId: string) => Promise<Origin | undefined>;
  spend: (wish: Wish) => Promise<Spent | undefined>;
}

/** Of how many tokens that it has handed out a process remembers the origin; some 500 bytes each. */
const REMEMBERED_TOKENS = 10_000;
/** How many refreshes go together. */
const TOGETHER = 64;

/**
 * Spends a refresh token by one statement that decides the race, where its session is alive and nobody else is at it. Refreshes of one
 * moment share the statement.
 * @returns undefined where anything else is the case: nothing has changed then, and {@link decide} finds out
 * @see docs/decisions/0028-refresh-at-once.md
 * @see docs/decisions/0032-refreshes-of-one-moment.md
 */
export async function spendAtOnce(
  deps: SessionDeps,
  presented: RefreshToken,
  client: Client,
): Promise<Opened<TokenSession, TokenHolder> | undefined> {
  const exchanged = await exchange(deps, presented, client, false);
  if (!exchanged) return undefined;
  const { origin, spent, successor } = exchanged;
  const { username, email, version, amr, aal, expiresAt, idleExpiresAt } = spent;
  return {
    session: { id: origin.sessionId, expiresAt, idleExpiresAt, amr, aal },
    user: { id: origin.userId, authzVersion: version, username, email },
    authority: unite(spent.roles),
    refreshToken: successor.text,
  };
}

/** {@link spendAtOnce}, with the rows of session and account for whoever asks for more than tokens. */
export async function spendForRows(
  deps: SessionDeps,
  presented: RefreshToken,
  client: Client,
): Promise<Opened | undefined> {
  const exchanged = await exchange(deps, presented, client, true);
  if (!exchanged?.spent.session || !exchanged.spent.account) return undefined;
  const { spent, successor } = exchanged;
  return {
    session: fromRowJson(SessionModel, exchanged.spent.session),
    user: fromRowJson(UserModel, exchanged.spent.account),
    authority: unite(spent.roles),
    refreshToken: successor.text,
  };
}

async function exchange(
  deps: SessionDeps,
  presented: RefreshToken,
  client: Client,
  rows: boolean,
): Promise<Exchanged | undefined> {
  const till = tillOf(deps);
  const origin = till.origins.get(presented.id) ?? (await till.originOf(presented.id));
  if (!origin || !isSame(origin.secretHash, digestOf(presented.secret))) return undefined;
  const successor = makeRefreshToken();
  const secretHash = digestOf(successor.secret);
  const spent = await till.spend(
    wishFor(deps, presented, origin, { ...successor, secretHash }, client, rows),
  );
  if (!spent) return undefined;
  till.origins.delete(presented.id);
  till.origins.set(successor.id, { ...origin, secretHash });
  return { origin, spent, successor };
}

const isSame = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(a), Buffer.from(b));

const tills = new WeakMap<Knex, Till>();

function tillOf({ db, config }: SessionDeps): Till {
  const known = tills.get(db);
  if (known) return known;
  const till: Till = {
    origins: new LRUCache({ max: REMEMBERED_TOKENS }),
    originOf: gather(TOGETHER, (ids) => readOrigins(db, ids)),
    spend: gather(TOGETHER, (wishes) => spendEach(db, config.sessions.refreshTtlSeconds, wishes)),
  };
  tills.set(db, till);
  return till;
}

/** Without a name: a plan that is kept from a young deployment reads all active tokens there are. */
const ORIGINS: Statement = {
  text: `
    select t.id, encode(t.secret_hash, 'hex') as "secretHash", t.session_id as "sessionId", s.user_id as "userId"
    from refresh_tokens t join sessions s on s.id = t.session_id where t.id = any($1) and t.state = 'active'`,
};

async function readOrigins(db: Knex, ids: readonly string[]): Promise<(Origin | undefined)[]> {
  const rows = await atOnce<Origin & { id: string }>(db, ORIGINS, [ids]);
  return ids.map((wanted) => rows.find(({ id }) => id === wanted));
}

function wishFor(
  { db, clock }: SessionDeps,
  presented: RefreshToken,
  { sessionId, userId }: Origin,
  successor: NewRefreshToken & { secretHash: string },
  client: Client,
  rows: boolean,
) {
  // Outcome, subject and details are put in as they are signed here.
  const { id, type, actor, ipAddress, userAgent, requestId, mac } = eventOf(db, client, {
    type: 'refresh.rotated',
    actor: userId,
    subject: userId,
    details: { session: sessionId },
  });
  return {
    /** Its place among those that go together. */
    nth: 0,
    token: presented.id,
    session: sessionId,
    successor: successor.id,
    hash: `\\x${successor.secretHash}`,
    box: `\\x${sealSuccessor(presented, successor.text, clock.now()).toString('hex')}`,
    rows,
    id,
    type,
    actor,
    ipAddress,
    userAgent,
    requestId,
    mac,
  };
}

const SPEND: Statement = {
  name: 'rotate_refresh_tokens',
  text: `
    select nth, username, email, version, roles, amr, aal, ends_at as "expiresAt", idle_ends_at as "idleExpiresAt", account, session
    from rotate_refresh_tokens($1, $2)`,
};

/** All that go together stand or fall together; one that PostgreSQL cannot take is found by halves. */
async function spendEach(
  db: Knex,
  idleSeconds: number,
  wishes: readonly Wish[],
): Promise<(Spent | undefined | Error)[]> {
  try {
    return await spendAll(db, idleSeconds, wishes);
  } catch (error) {
    if (!isOfValues(error)) throw error;
    if (wishes.length === 1) return [error as Error];
    const half = Math.ceil(wishes.length / 2);
    const first = await spendEach(db, idleSeconds, wishes.slice(0, half));
    return [...first, ...(await spendEach(db, idleSeconds, wishes.slice(half)))];
  }
}

async function spendAll(
  db: Knex,
  idleSeconds: number,
  wishes: readonly Wish[],
): Promise<(Spent | undefined)[]> {
  wishes.forEach((wish, nth) => (wish.nth = nth));
  const wanted = JSON.stringify(wishes);
  const rows = await atOnce<Spent>(db, SPEND, [idleSeconds, wanted]);
  const answers = wishes.map((): Spent | undefined => undefined);
  for (const row of rows) answers[row.nth] = row;
  return answers;
}
