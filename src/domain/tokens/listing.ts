import type { Knex } from 'knex';
import { SigningKeyModel } from '../../db/models/signing-key.js';

/** Every signing key that ever was, newest first. */
export async function listSigningKeys(db: Knex): Promise<SigningKeyModel[]> {
  return SigningKeyModel.query(db).orderBy('publishedAt', 'desc').limit(200);
}
