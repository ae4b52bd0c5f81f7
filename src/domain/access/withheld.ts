import type { Knex } from 'knex';
import { AuthError } from '../../errors.js';
import type { Catalogue } from '../catalogue.js';
import type { AccessClaims } from '../tokens.js';
import { readAssurance } from './assurance.js';
import type { Authority, SessionAuthority, Withheld } from './authority.js';

interface Deps {
  db: Knex;
  catalogue: Pick<Catalogue, 'mfaRank'>;
  remembered: { proved: { get(id: string): number | undefined; set(id: string, version: number): unknown } };
}

const NOTHING: Authority = { roles: [], permissions: new Set(), rank: 0 };

/**
 * What is left of an account's authority in the session of a token. Says so without a promise where the rule is nobody's,
 * not this account's, or known to be kept: a factor that goes raises the version.
 * @param version the account's, as far as this process has heard
 */
export function narrow(
  { db, catalogue, remembered }: Deps,
  { sid, aal, ver }: AccessClaims,
  version: number,
  authority: Authority,
): SessionAuthority | Promise<SessionAuthority> {
  if (authority.rank < catalogue.mfaRank) return authority;
  if ((aal >= 2 && ver === version) || remembered.proved.get(sid) === version) return authority;
  return withhold(db, sid).then((withheld) => {
    if (withheld !== undefined) return { ...NOTHING, withheld };
    remembered.proved.set(sid, version);
    return authority;
  });
}

/** {@link narrow}, for the tokens of a session that was just opened, refreshed or raised. */
export async function narrowTo(
  { db, catalogue }: Omit<Deps, 'remembered'>,
  session: { readonly id: string; readonly aal: number },
  authority: Authority,
): Promise<SessionAuthority> {
  if (authority.rank < catalogue.mfaRank || session.aal >= 2) return authority;
  const withheld = await withhold(db, session.id);
  return withheld === undefined ? authority : { ...NOTHING, withheld };
}

/** Why the session gets nothing, of an account that must have a second factor; undefined where it has proved one. */
async function withhold(db: Knex, sessionId: string): Promise<Withheld | undefined> {
  const reached = await readAssurance(db, sessionId);
  if (reached && reached.aal >= 2) return undefined;
  return reached?.hasFactor === true ? 'proof' : 'enrolment';
}

/** What is answered to whoever asks for more than that. */
export const refusalOf = (withheld: Withheld): AuthError =>
  withheld === 'proof'
    ? new AuthError('INSUFFICIENT_AAL')
    : new AuthError('INSUFFICIENT_AAL', {
        message: 'Set up a second factor first: your role must have one.',
      });
