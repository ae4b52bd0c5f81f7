import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventTypes } from '../../src/domain/audit.js';
import { table } from '../../src/permissions/table.js';
import { acts, type Performer } from '../harness/acts.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { operationOf } from '../harness/operations.js';
import { openScene, type Scene, type Seated } from '../harness/scene.js';

let app: TestApp;
let scene: Scene;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '1000' });
  scene = await openScene(app);
});
afterAll(async () => {
  await scene.close();
  await app.close();
});

const rows = table['Mutation'] ?? {};

/** What every mutation leaves on record when it is done. */
const EVENTS: Record<string, (keyof typeof eventTypes)[]> = {
  signUp: ['account.created', 'sign_in.succeeded'],
  signIn: ['sign_in.succeeded'],
  verifyMfa: ['recovery_code.used', 'sign_in.succeeded'],
  refresh: ['refresh.rotated'],
  revoke: ['session.ended'],
  verifyEmail: ['email.verified'],
  resendVerificationEmail: [],
  forgotPassword: ['password.reset_asked'],
  resetPassword: ['password.reset'],
  changeEmail: ['email.change_asked'],
  confirmEmailChange: ['email.changed'],
  undoEmailChange: ['email.change_undone'],
  signOut: ['session.ended'],
  signOutOthers: ['session.ended'],
  revokeSession: ['session.ended'],
  revokeUserSessions: ['session.ended'],
  updateMe: ['account.updated'],
  changePassword: ['password.changed'],
  deleteMe: ['account.deleted', 'session.ended'],
  enrollTotp: ['mfa.enrolled'],
  confirmTotp: ['mfa.confirmed'],
  disableMfa: ['mfa.disabled', 'recovery_code.used'],
  regenerateRecoveryCodes: ['recovery_codes.regenerated'],
  stepUp: ['recovery_code.used', 'session.stepped_up'],
  passkeyRegistrationOptions: [],
  registerPasskey: ['passkey.registered'],
  passkeySignInOptions: [],
  signInWithPasskey: ['passkey.used', 'sign_in.succeeded'],
  passkeyChallengeOptions: [],
  verifyMfaWithPasskey: ['passkey.used', 'sign_in.succeeded'],
  passkeyStepUpOptions: [],
  stepUpWithPasskey: ['passkey.used', 'session.stepped_up'],
  renamePasskey: ['passkey.renamed'],
  removePasskey: ['passkey.removed'],
  createUser: ['account.created', 'account.invited', 'roles.set'],
  resendInvitation: ['account.invited'],
  updateUser: ['account.updated'],
  deleteUser: ['account.deleted'],
  restoreUser: ['account.restored'],
  suspendUser: ['account.suspended'],
  reinstateUser: ['account.reinstated'],
  resetUserMfa: ['mfa.reset'],
  setUserRoles: ['roles.set'],
  setUserServices: ['services.set'],
  exportUserData: ['account.exported'],
  eraseUser: ['account.erased'],
  createRole: ['role.created'],
  updateRole: ['role.updated'],
  deleteRole: ['role.deleted'],
  createPermission: ['permission.created'],
  deletePermission: ['permission.deleted'],
  createBusinessRole: ['business_role.created'],
  updateBusinessRole: ['business_role.updated'],
  deleteBusinessRole: ['business_role.deleted'],
  createService: ['service.created'],
  updateService: ['service.updated'],
  deleteService: ['service.deleted'],
  issueServiceToken: ['service_token.issued'],
  rotateServiceToken: ['service_token.rotated'],
  revokeServiceToken: ['service_token.revoked'],
  acknowledgeAlert: ['alert.acknowledged'],
  rotateSigningKey: ['signing_key.published'],
  revokeSigningKey: ['signing_key.revoked'],
};

interface Event {
  type: string;
  outcome: string;
  actor: string | null;
  subject: string | null;
  details: Record<string, unknown> | null;
  ip_address: string | null;
  request_id: string | null;
}

interface Prepared {
  account: Seated;
  actor: Performer | undefined;
  act: () => Promise<Answer>;
}

/** Somebody of the role USER it is done to, or who does it; an owner for what others do to accounts and things. */
async function prepare(mutation: string): Promise<Prepared> {
  const { rule, target } = rows[mutation]!;
  const isOwn = target === 'self';
  const isOpen = !isOwn && rule.name.startsWith('anyone');
  const account = await scene.seat(['USER']);
  const actor = isOpen ? undefined : await perform(isOwn ? account : await scene.seat(['OWNER']));
  const variables = await acts[mutation]!(scene, {
    actor,
    account: isOwn && actor ? actor : account,
    role: { rank: 1, permissions: [] },
    held: [],
    scopes: [],
  });
  const bearer = actor ? { bearer: actor.access } : {};
  return { account, actor, act: () => app.graphql(operationOf(mutation, variables), variables, bearer) };
}

async function perform(person: Seated): Promise<Performer> {
  return {
    ...(await scene.enter(person)),
    holderRoleId: (await scene.role({ rank: 1, permissions: [] })).id,
  };
}

/** What was recorded of one request. Who asks is known by the request's id: the record is shared with all that goes on. */
const recordedOf = (requestId: string | null) =>
  scene.look<Event>('select * from audit_events where request_id = $1 order by id', [requestId]);

/** What is stored, but for challenges: one that was met is spent, whatever comes of it. */
async function lasting(): Promise<Record<string, string>> {
  const { webauthn_challenges: _spent, ...rest } = await scene.digest();
  return rest;
}

describe('the record of what is done', () => {
  it('is asked of every mutation here', () => {
    expect(Object.keys(EVENTS).sort()).toEqual(Object.keys(rows).sort());
  });

  it.each(Object.entries(EVENTS))(
    '%s leaves its events: who, whom, from where, and nothing that is not allowed',
    async (mutation, types) => {
      const { account, actor, act } = await prepare(mutation);
      const answer = await act();
      expect(answer.errors).toEqual([]);
      const events = await recordedOf(answer.headers.get('x-request-id'));
      expect(events.map(({ type }) => type).sort()).toEqual(types);
      for (const event of events) {
        expect(event).toMatchObject({ outcome: 'SUCCESS', ip_address: '127.0.0.1' });
        if (actor) expect(event.actor).toBe(actor.id);
        if (rows[mutation]?.target?.startsWith('lower')) expect(event.subject).toBe(account.id);
        const allowed: readonly string[] = eventTypes[event.type as keyof typeof eventTypes];
        expect(Object.keys(event.details ?? {}).filter((name) => !allowed.includes(name))).toEqual([]);
      }
    },
  );

  it.each(Object.entries(EVENTS).filter(([, types]) => types.length > 0))(
    '%s is undone where its record cannot be written',
    async (mutation) => {
      const { act } = await prepare(mutation);
      const before = await lasting();
      await scene.look(
        "create function refuse_record() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$",
      );
      await scene.look(
        'create trigger no_room before insert on audit_events for each row execute function refuse_record()',
      );
      try {
        expect(codeOf(await act())).toBe('INTERNAL_SERVER_ERROR');
        expect(await lasting()).toEqual(before);
      } finally {
        await scene.look('drop trigger no_room on audit_events');
        await scene.look('drop function refuse_record');
      }
    },
  );
});
