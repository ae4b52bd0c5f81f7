import { timingSafeEqual } from 'node:crypto';
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import { atOnce, type Statement } from '../../db/at-once.js';
import { fromRowJson } from '../../db/models/row-json.js';
import { SessionModel } from '../../db/models/session.js';
import { UserModel } from '../../db/models/user.js';
import { unite } from '../access.js';
import { eventOf } from '../audit.js';
import type { CataloguedRole } from '../catalogue.js';
import type { Client } from '../client.js';
import type { SessionDeps } from './deps.js';
import { makeRefreshToken, type NewRefreshToken, type Opened } from './open.js';
import { hashSecret, sealSuccessor, type RefreshToken } from './refresh-token.js';

/** Where a refresh token belongs: of what stands in the database of it, that which never changes. */
interface Origin {
  secretHash: Buffer;
  sessionId: string;
  userId: string;
}

/** Of how many tokens that it has handed out a process remembers the origin; some 500 bytes each. */
const REMEMBERED_TOKENS = 10_000;
const remembered = new WeakMap<Knex, LRUCache<string, Origin>>();

const ORIGIN = `
  select t.secret_hash as "secretHash", t.session_id as "sessionId", s.user_id as "userId"
  from refresh_tokens t join sessions s on s.id = t.session_id where t.id = ? and t.state = 'active'`;

const SPEND: Statement = {
  name: 'spend_refresh_token',
  text: `select session, account, roles
    from spend_refresh_token($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
};

/** All null where it was not to be had so easily: nothing has changed then. */
interface Spent {
  session: object | null;
  account: object;
  roles: CataloguedRole[];
}

/**
 * Spends a refresh token by one statement that decides the race, where its session is alive and nobody else is at it.
 * @returns undefined where anything else is the case: nothing has changed then, and {@link decide} finds out
 * @see docs/decisions/0028-refresh-at-once.md
 */
export async function spendAtOnce(
  deps: SessionDeps,
  presented: RefreshToken,
  client: Client,
): Promise<Opened | undefined> {
  const origins = remembered.get(deps.db) ?? new LRUCache<string, Origin>({ max: REMEMBERED_TOKENS });
  remembered.set(deps.db, origins);
  const origin = origins.get(presented.id) ?? (await readOrigin(deps.db, presented.id));
  if (!origin || !timingSafeEqual(origin.secretHash, hashSecret(presented.secret))) return undefined;
  const successor = makeRefreshToken();
  const secretHash = hashSecret(successor.secret);
  const spent = await spend(deps, presented, origin, { ...successor, secretHash }, client);
  if (!spent?.session) return undefined;
  origins.delete(presented.id);
  origins.set(successor.id, { ...origin, secretHash });
  return {
    session: fromRowJson(SessionModel, spent.session),
    user: fromRowJson(UserModel, spent.account),
    authority: unite(spent.roles),
    refreshToken: successor.text,
  };
}

async function readOrigin(db: Knex, tokenId: string): Promise<Origin | undefined> {
  const { rows } = await db.raw<{ rows: Origin[] }>(ORIGIN, [tokenId]);
  return rows[0];
}

async function spend(
  { db, config, clock }: SessionDeps,
  presented: RefreshToken,
  { sessionId, userId }: Origin,
  successor: NewRefreshToken & { secretHash: Buffer },
  client: Client,
): Promise<Spent | undefined> {
  const event = eventOf(db, client, {
    type: 'refresh.rotated',
    actor: userId,
    subject: userId,
    details: { session: sessionId },
  });
  const [spent] = await atOnce<Spent>(db, SPEND, [
    presented.id,
    sessionId,
    successor.id,
    successor.secretHash,
    sealSuccessor(presented, successor.text, clock.now()),
    config.sessions.refreshTtlSeconds,
    event.id,
    event.type,
    event.outcome,
    event.actor,
    event.subject,
    event.ipAddress,
    event.userAgent,
    event.requestId,
    event.details,
    event.mac,
  ]);
  return spent;
}
