import { UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import { AuthError } from '../errors.js';
import { lookupKey } from './accounts.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import type { Device } from './devices.js';
import { hasFactor, openChallenge, type Challenge } from './mfa.js';
import { checkPassword, hashPassword, isOutdated, requireSoundPassword, type HashPool } from './passwords.js';
import { completeTokens, openAtOnce, type Opened, type Tokens } from './sessions.js';
import type { SignInDeps } from './signin/deps.js';
import { awaitsVerification, deviceOf, requireSoundLogin } from './signin/entry.js';
import { find, searchByAddress, type Found, type Search } from './signin/find.js';
import { open } from './signin/open.js';
import { refuse, requireActive } from './signin/refusal.js';
import { within } from './tracing.js';

export type { SignInDeps } from './signin/deps.js';
export { open as enter } from './signin/open.js';
export { passkeySignInOptions, signInWithPasskey } from './signin/passkey.js';
export { passkeyChallengeOptions, verifyMfa, verifyMfaWithPasskey } from './signin/second-factor.js';

/** A sign-in ends in tokens, or waits: for the second factor, or for the email address to be confirmed. */
export type SignedIn = SignedUp | { kind: 'challenge'; challenge: Challenge };

/** A sign-up ends alike, but has no second factor to wait for. */
export type SignedUp = { kind: 'tokens'; tokens: Tokens } | { kind: 'unverified'; email: string };

/**
 * The one flow of signing in: limits → account → password → status → factor → session → tokens, with the record of it.
 * @throws {AuthError} RATE_LIMITED, INVALID_CREDENTIALS (unknown login and wrong password alike), ACCOUNT_DELETED, ACCOUNT_SUSPENDED
 */
export async function signIn(
  deps: SignInDeps & { hashes: HashPool },
  login: string,
  password: string,
  deviceToken: string | null | undefined,
  client: Client,
): Promise<SignedIn> {
  requireSoundLogin(login);
  requireSoundPassword('password', password);
  // Before the database is asked: in a storm, those who must come back cost next to nothing.
  const place = await deps.hashes.reserve();
  try {
    const given = { login, password, deviceToken };
    return await within('signin.signIn', () => prove({ ...deps, hashes: place }, given, client));
  } finally {
    place.release();
  }
}

/** What is given to sign in with. */
interface Given {
  login: string;
  password: string;
  deviceToken: string | null | undefined;
}

/** A sign-in of which is known who pays for it. */
interface Begun {
  search: Pick<Search, 'found'> & Partial<Search>;
  device?: Device | undefined;
  account: string;
}

async function prove(deps: SignInDeps, given: Given, client: Client): Promise<SignedIn> {
  const { search, device, account } = await begin(deps, given);
  const trial = { account, from: device, client, count: search.count };
  const { password } = given;
  const matches = await checkPassword(
    deps,
    trial,
    password,
    async () => (await search.found()).user?.passwordHash,
  );
  const { user, isChallenged } = await search.found();
  if (!user || !matches)
    return refuse(deps, client, user, 'credentials', new AuthError('INVALID_CREDENTIALS'));
  await requireActive(deps, client, user);
  if (await awaitsVerification(deps, user)) return { kind: 'unverified', email: user.email };
  return enter(deps, { user, isChallenged }, password, device?.id, client);
}

/** Whose budget it is: one whichever of its names an account is tried by; a name that nobody has is counted like one. */
async function begin(deps: SignInDeps, { login, deviceToken }: Given): Promise<Begun> {
  const byAddress = deviceToken ? undefined : searchByAddress(deps.db, login);
  if (byAddress) return { search: byAddress, account: lookupKey(login) };
  const found = await find(deps.db, login);
  const { user } = found;
  const device = user && (await deviceOf(deps, deps.db, user, deviceToken));
  const search = { found: () => Promise.resolve(found) };
  return { search, device, account: user?.emailKey ?? lookupKey(login) };
}

async function enter(
  deps: SignInDeps,
  { user, isChallenged }: Found & { user: UserModel },
  password: string,
  deviceId: string | undefined,
  client: Client,
): Promise<SignedIn> {
  // The upgrade can wait for the next sign-in; nobody is turned away over it.
  const rehashed =
    deps.hashes.hasRoom() && isOutdated(deps.config, user.passwordHash)
      ? await hashPassword(deps, password).catch(() => undefined)
      : undefined;
  const proof = { userId: user.id, client, amr: ['pwd'], deviceId, checked: user };
  const entry =
    (isChallenged || rehashed !== undefined ? undefined : await openAtOnce(deps, deps.db, proof)) ??
    (await transaction(deps.db, (unit) => proceed(deps, unit, user, rehashed, deviceId, client)));
  if (!entry) return refuse(deps, client, user, 'changed meanwhile', new AuthError('INVALID_CREDENTIALS'));
  return 'token' in entry
    ? { kind: 'challenge', challenge: entry }
    : { kind: 'tokens', tokens: await completeTokens(deps, entry) };
}

/**
 * Holds the account while it is decided what the password opens: it must still be active, and the password that was
 * checked still its own. A factor that is confirmed at the same time is either seen here, or sees this session and ends it.
 */
async function proceed(
  deps: SignInDeps,
  unit: Unit,
  checked: UserModel,
  rehashed: string | undefined,
  deviceId: string | undefined,
  client: Client,
): Promise<Opened | Challenge | undefined> {
  const user = await UserModel.query(unit.trx)
    .findOne({ id: checked.id, passwordHash: checked.passwordHash })
    .whereNull('deletedAt')
    .whereNull('suspendedAt')
    .forNoKeyUpdate();
  if (!user) return undefined;
  if (rehashed !== undefined)
    await UserModel.query(unit.trx).findById(user.id).patch({ passwordHash: rehashed });
  if (!(await hasFactor(unit.trx, user.id))) return open(deps, unit, user.id, client, ['pwd'], deviceId);
  await record(unit.trx, client, { type: 'mfa.challenged', subject: user.id });
  return openChallenge(unit, user);
}
