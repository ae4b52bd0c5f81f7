import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { authenticator, challengeOf, factorsOf, setUpFactor } from './factors.js';
import { addPasskey, device, optionsIn, passkeysOf, visitorOf } from './passkeys.js';
import { newcomer, type Person } from './people.js';
import { unique, type RoleSpec, type Scene, type Seated } from './scene.js';

/** What one act is about. */
export interface Case {
  /** Who does it, where that is an account. */
  actor: Performer | undefined;
  /** Whom it is done to: the actor itself, or somebody else. */
  account: Seated;
  /** The role that is made, changed or given. */
  role: RoleSpec;
  /** Permissions of applications that are given. */
  held: string[];
  /** Scopes that a service token is given. */
  scopes: string[];
}

/** An account that acts, and the role of lowest rank that it has besides. */
export type Performer = Person & { holderRoleId: string };

type Variables = Record<string, unknown>;
const NEW_PASSWORD = 'Another-long-Password-7';
/** Whoever has no account has no code either. */
const NO_CODE = '000000';

/**
 * Sound arguments for every mutation: done by somebody who may, each of them succeeds. A mutation that is not here fails
 * the tests that go through all of them.
 */
export const acts: Record<string, (scene: Scene, about: Case) => Promise<Variables> | Variables> = {
  signUp: () => ({ input: newcomer() }),
  signIn: (_scene, { account }) => ({ input: { login: account.username, password: account.password } }),
  verifyMfa: async ({ app, enter }, { account }) => {
    const { codes } = await setUpFactor(app, await enter(account));
    return { input: { challengeToken: await challengeOf(app, account), code: codes[0] } };
  },
  refresh: async ({ enter }, { account }) => ({ refreshToken: (await enter(account)).refresh }),
  revoke: async ({ enter }, { account }) => ({ token: (await enter(account)).refresh }),
  verifyEmail: async ({ link }, { account }) => ({ token: await link('verify-email', account.id) }),
  resendVerificationEmail: (_scene, { account }) => ({ email: account.email }),
  forgotPassword: (_scene, { account }) => ({ email: account.email }),
  resetPassword: async ({ link }, { account }) => ({
    token: await link('reset-password', account.id),
    newPassword: NEW_PASSWORD,
  }),

  changeEmail: (_scene, { account }) => ({ newEmail: newcomer().email, password: account.password }),
  confirmEmailChange: async (scene, { account }) => ({
    token: (await putEmailChange(scene, account)).confirm,
  }),
  undoEmailChange: async (scene, { account }) => ({ token: (await putEmailChange(scene, account)).undo }),

  signOut: () => ({}),
  signOutOthers: async ({ session }, { account }) => {
    await session(account.id);
    return {};
  },
  updateMe: () => ({ input: { firstName: 'Renamed' } }),
  changePassword: (_scene, { account }) => ({ currentPassword: account.password, newPassword: NEW_PASSWORD }),
  deleteMe: (_scene, { account }) => ({ password: account.password }),
  revokeSession: async ({ session }, { account }) => ({ id: await session(account.id) }),
  revokeUserSessions: async ({ session }, { account }) => {
    await session(account.id);
    return { userId: account.id };
  },

  enrollTotp: (_scene, { account }) => ({ password: account.password }),
  confirmTotp: async ({ app }, { actor }) => {
    if (!actor) return { code: NO_CODE };
    const { data } = await factorsOf(app, actor).enroll(actor.password);
    return { code: authenticator(data['enrollTotp'].secret).code() };
  },
  disableMfa: async ({ app }, { actor, account }) => ({
    password: account.password,
    code: actor ? (await setUpFactor(app, actor)).codes[0] : NO_CODE,
  }),
  regenerateRecoveryCodes: async ({ app }, { actor, account }) => {
    if (actor) await setUpFactor(app, actor);
    return { password: account.password };
  },
  stepUp: async ({ app }, { actor }) => ({
    code: actor ? (await setUpFactor(app, actor)).codes[0] : NO_CODE,
    method: 'RECOVERY_CODE',
  }),

  passkeyRegistrationOptions: (_scene, { account }) => ({ password: account.password }),
  registerPasskey: async ({ app }, { actor, account }) => {
    const options = actor && optionsIn(await passkeysOf(app, actor).options(actor.password));
    return { response: device().create(options ?? NO_OPTIONS), name: `Of ${account.username}` };
  },
  passkeySignInOptions: (_scene, { account }) => ({ login: account.username }),
  signInWithPasskey: async ({ app, enter }, { account }) => {
    const own = await addPasskey(app, await enter(account));
    return { response: own.get(optionsIn(await visitorOf(app).options(account.email))) };
  },
  passkeyChallengeOptions: async ({ app, enter }, { account }) => {
    const person = await enter(account);
    await setUpFactor(app, person);
    await addPasskey(app, person);
    return { challengeToken: await challengeOf(app, account) };
  },
  verifyMfaWithPasskey: async ({ app, enter }, { account }) => {
    const person = await enter(account);
    await setUpFactor(app, person);
    const own = await addPasskey(app, person);
    const challengeToken = await challengeOf(app, account);
    const options = optionsIn(await visitorOf(app).challengeOptions(challengeToken));
    return { challengeToken, response: own.get(options) };
  },
  passkeyStepUpOptions: async (scene, { account }) => {
    await putPasskey(scene, account.id);
    return {};
  },
  stepUpWithPasskey: async ({ app }, { actor }) => {
    const own = actor ? await addPasskey(app, actor) : device();
    const options = actor && optionsIn(await passkeysOf(app, actor).stepUpOptions());
    return { response: own.get(options ?? NO_OPTIONS) };
  },
  renamePasskey: async (scene, { account }) => ({
    id: await putPasskey(scene, account.id),
    name: 'Something else',
  }),
  removePasskey: async (scene, { account, actor }) => {
    const id = await putPasskey(scene, account.id);
    if (actor) await proveFactor(scene, actor.sessionId);
    return { id, password: account.password };
  },

  createUser: async ({ role }, about) => {
    const { password: _none, ...input } = newcomer();
    return { input: { ...input, roleIds: [(await role(about.role)).id] } };
  },
  resendInvitation: async ({ look }, { actor, account }) => {
    if (account.id !== actor?.id)
      await look('update users set password_hash = null where id = $1', [account.id]);
    return { userId: account.id };
  },
  updateUser: (_scene, { account }) => ({ id: account.id, input: { firstName: 'Renamed' } }),
  deleteUser: (_scene, { account }) => ({ id: account.id }),
  restoreUser: (scene, about) => mark(scene, about, 'deleted_at'),
  suspendUser: (_scene, { account }) => ({ id: account.id, reason: 'A reason.' }),
  reinstateUser: (scene, about) => mark(scene, about, 'suspended_at'),
  eraseUser: (scene, about) => mark(scene, about, 'deleted_at'),
  exportUserData: (_scene, { account }) => ({ userId: account.id }),
  resetUserMfa: async ({ put }, { account }) => {
    await put('recovery_codes', { user_id: account.id, code_hash: randomBytes(32) });
    return { userId: account.id };
  },
  setUserRoles: async ({ role }, about) => ({
    userId: about.account.id,
    roleIds: [(await role(about.role)).id],
  }),
  setUserServices: async ({ service, businessRole }, { account, held }) => {
    const serviceId = (await service()).id;
    return {
      userId: account.id,
      services: [{ serviceId, businessRoleId: (await businessRole(held, serviceId)).id }],
    };
  },

  createRole: (_scene, { role }) => ({ input: { name: unique('made'), ...role } }),
  updateRole: async ({ role }, about) => ({
    id: (await role(about.role)).id,
    input: { description: 'Other.' },
  }),
  deleteRole: async ({ role }, about) => ({ id: (await role(about.role)).id }),
  createPermission: () => ({ name: unique('DO_') }),
  deletePermission: async ({ permission, role, give }, { actor, role: { rank, permissions } }) => {
    const name = await permission();
    if (actor) await give(actor.holderRoleId, [name]);
    await role({ rank, permissions: [name, ...permissions] });
    return { name };
  },
  createBusinessRole: (_scene, { held }) => ({ input: { name: unique('made'), permissions: held } }),
  updateBusinessRole: async ({ businessRole }, { held }) => ({
    id: (await businessRole(held)).id,
    input: { description: 'Other.' },
  }),
  deleteBusinessRole: async ({ businessRole }, { held }) => ({ id: (await businessRole(held)).id }),
  createService: () => ({ input: { name: unique('made-') } }),
  updateService: async ({ service }) => ({ id: (await service()).id, input: { description: 'Other.' } }),
  deleteService: async ({ service }) => ({ id: (await service()).id }),
  issueServiceToken: async ({ service }, { scopes }) => ({
    serviceId: (await service()).id,
    input: { label: 'Of a test', scopes },
  }),
  rotateServiceToken: async (scene, { scopes }) => ({ id: (await scene.serviceToken(scopes)).id }),
  revokeServiceToken: async (scene, { scopes }) => ({ id: (await scene.serviceToken(scopes)).id }),
  acknowledgeAlert: async ({ put }) => ({
    id: await put('security_alerts', {
      type: 'test',
      severity: 'LOW',
      suspicion: 'test',
      dedupe_key: unique('alert'),
    }),
  }),

  rotateSigningKey: () => ({}),
  // The one that waits: with the one that signs, everybody’s tokens would go.
  revokeSigningKey: async ({ asOwner }) => {
    const { rotateSigningKey } = await asOwner('mutation { rotateSigningKey { kid } }');
    return { kid: rotateSigningKey.kid };
  },
};

/** A change of address that would have been asked for. @returns the secrets of its links */
async function putEmailChange({ put, look }: Scene, { id: userId, email }: Seated) {
  const [confirm, undo] = [0, 1].map(() => randomBytes(32).toString('base64url')) as [string, string];
  const digest = (token: string) => createHash('sha256').update(token).digest();
  const soon = new Date(Date.now() + 3_600_000);
  const { email: newEmail } = newcomer();
  const id = await put('one_time_tokens', {
    purpose: 'change-email',
    user_id: userId,
    secret_hash: digest(confirm),
    expires_at: soon,
  });
  await look(
    `insert into email_changes (id, user_id, old_email, old_email_key, new_email, new_email_key, undo_expires_at)
     values ($1, $2, $3, $3, $4, $4, $5)`,
    [id, userId, email, newEmail, soon],
  );
  await look('insert into email_change_undos (secret_hash, change_id) values ($1, $2)', [digest(undo), id]);
  return { confirm, undo };
}

/** What a device is shown by whoever cannot ask for options. */
const NO_OPTIONS = {
  rp: { id: 'nobody.test' },
  rpId: 'nobody.test',
  user: { id: 'bm9ib2R5' },
  challenge: 'bm9uZQ',
};

/** As if the one behind a session had just proved a second factor. */
const proveFactor = ({ look }: Scene, sessionId: string) =>
  look("update sessions set aal = 2, amr = '{pwd,hwk,user,mfa}', proved_at = now() where id = $1", [
    sessionId,
  ]);

/** A passkey that nobody holds. @returns its id */
const putPasskey = ({ put }: Scene, userId: string) =>
  put('passkeys', {
    user_id: userId,
    credential_id: randomBytes(16),
    public_key: randomBytes(16),
    counter: 0,
    transports: [],
    aaguid: randomUUID(),
    device_type: 'multiDevice',
    backed_up: true,
    name: 'Of a test',
  });

/** An account that was deleted or suspended before, unless it is the actor, who could not act then. */
async function mark({ look }: Scene, { actor, account }: Case, column: 'deleted_at' | 'suspended_at') {
  if (account.id !== actor?.id) await look(`update users set ${column} = now() where id = $1`, [account.id]);
  return { id: account.id };
}
