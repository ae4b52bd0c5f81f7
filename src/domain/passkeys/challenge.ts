import { createHash, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { WebauthnChallengeModel } from '../../db/models/webauthn-challenge.js';
import { newId } from '../ids.js';

/** How long an answer may take, in seconds; the browser is told the same. */
export const LIFE_SECONDS = 5 * 60;

/** What a challenge is for; it is good for nothing else. */
export type Purpose = WebauthnChallengeModel['purpose'];

/** Who may answer a challenge, and where. */
interface Asked {
  purpose: Purpose;
  /** Whose passkey; nobody's when null, unless it is discoverable. */
  userId: string | null;
  /** Whether whoever's passkey may answer. */
  discoverable?: boolean;
  /** The session or the waiting sign-in that alone can bring the answer; its earlier challenges are void. */
  boundTo?: string;
}

const digest = (challenge: Buffer) => createHash('sha256').update(challenge).digest();

/** Makes a challenge of 256 bits. */
export async function issueChallenge(db: Knex, { boundTo, ...asked }: Asked): Promise<Buffer> {
  const challenge = randomBytes(32);
  if (boundTo !== undefined) await voidChallenges(db, boundTo);
  await WebauthnChallengeModel.query(db)
    .insert({
      id: newId(),
      challengeHash: digest(challenge),
      ...asked,
      boundTo: boundTo ?? null,
      expiresAt: db.raw("now() + ? * interval '1 second'", [LIFE_SECONDS]),
    })
    .returning([]);
  return challenge;
}

/** Spends a challenge: one conditional update lets one of any number of parallel answers win, right or wrong. */
export async function spendChallenge(
  db: Knex,
  challenge: string,
  purpose: Purpose,
  boundTo: string | null = null,
): Promise<WebauthnChallengeModel | undefined> {
  const [spent] = await WebauthnChallengeModel.query(db)
    .where({ challengeHash: digest(Buffer.from(challenge, 'base64url')), purpose })
    .whereRaw('bound_to is not distinct from ?::uuid', [boundTo])
    .whereNull('usedAt')
    .where('expiresAt', '>', db.raw('now()'))
    .patch({ usedAt: db.raw('now()') })
    .returning('*');
  return spent;
}

async function voidChallenges(db: Knex, boundTo: string): Promise<void> {
  await WebauthnChallengeModel.query(db)
    .where({ boundTo })
    .whereNull('usedAt')
    .patch({ usedAt: db.raw('now()') });
}

/** Forgets challenges that are over. */
export async function purgePasskeyChallenges({ db }: { db: Knex }): Promise<void> {
  await WebauthnChallengeModel.query(db)
    .where('expiresAt', '<', db.raw("now() - interval '1 hour'"))
    .delete();
}
