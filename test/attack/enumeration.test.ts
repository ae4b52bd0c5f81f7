import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { COUNTING } from '../../src/domain/limits.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, signIn, signUp } from '../harness/calls.js';
import { countHashes } from '../harness/hashes.js';
import { lookInto, type Look } from '../harness/look.js';
import { mailsIn } from '../harness/mail.js';
import { join, newcomer, ownerOf, type Person } from '../harness/people.js';
import { openScene, type Scene } from '../harness/scene.js';
import { statementsOf } from '../harness/statements.js';
import { until } from '../harness/until.js';

let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100', PASSWORD_HASH_COST: '10' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

/** All that a stranger sees of an answer. */
const seen = ({ status, headers, body }: Answer) => ({
  status,
  body,
  headers: [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name)).sort(),
});

/** Runs `work` and says how many passwords were hashed or compared meanwhile, and how many rows written. */
async function costOf(work: () => Promise<Answer>) {
  const before = await look.census();
  const { result: answer, checked: compared, made: hashed } = await countHashes(work);
  const after = await look.census();
  const written = Object.fromEntries(
    Object.keys(after)
      .map((table) => [table, (after[table] ?? 0) - (before[table] ?? 0)] as const)
      .filter(([, rows]) => rows !== 0),
  );
  return { answer: seen(answer), compared, hashed, written };
}

describe('at the door nobody can tell who lives here', () => {
  it('by the answer to a wrong password, nor by the work it takes', async () => {
    const [known, suspended, deleted] = [await join(app), await join(app), await join(app)];
    for (const [mutation, { id }] of [
      ['suspendUser', suspended],
      ['deleteUser', deleted],
    ] as const)
      await app.graphql(
        `mutation ($id: ID!) { ${mutation}(id: $id) { id } }`,
        { id },
        { bearer: owner.access },
      );
    const tries: [string, string][] = [
      [known.username, 'wrong-password'],
      [known.email, 'wrong-password'],
      [suspended.username, 'wrong-password'],
      [deleted.email, 'wrong-password'],
      ['nobody-of-that-name', 'wrong-password'],
      ['nobody@example.test', 'wrong-password'],
      [known.username, '\u0000'],
      ['x'.repeat(254), 'wrong-password'],
    ];
    const first = await costOf(() => signIn(app, ...tries[0]!));
    expect(first).toMatchObject({ compared: 1, hashed: 0, written: { audit_events: 1 } });
    expect(JSON.parse(first.answer.body)).toMatchObject({
      errors: [{ message: 'Invalid credentials', extensions: { code: 'INVALID_CREDENTIALS' } }],
    });
    // The decoy of this process is made once, at its first use.
    await signIn(app, 'nobody-yet', 'wrong-password');
    for (const attempt of tries) expect(await costOf(() => signIn(app, ...attempt))).toEqual(first);
  });

  it('by what the database is asked', async () => {
    const ana = await join(app);
    const asked = async (login: string) => {
      const all = await statementsOf(() => signIn(app, login, 'wrong-password'));
      // The watcher of alerts looks into the record, and points of others go back, meanwhile.
      const ours = /row_to_json\(u\)|limit_counters|insert into audit_events/;
      return all.filter((text) => ours.test(text) && text !== COUNTING).sort();
    };
    expect(await asked('nobody@example.test')).toEqual(await asked(ana.email));
    expect(await asked('nobody')).toEqual(await asked(ana.username));
  });

  it('by how soon further tries are refused', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '0.3' });
    const ana = await join(strict);
    const codes = async (login: string) => {
      const answers: Answer[] = [];
      for (let at = 0; at < 4; at++) answers.push(await signIn(strict, login, 'wrong-password'));
      return answers.map(codeOf);
    };
    expect(await codes(ana.username)).toEqual(await codes('nobody-with-this-name'));
  });

  it('by how long it takes to ask for another confirmation mail', async () => {
    const ana = await join(app);
    const timeOf = async (email: string) => {
      const startedAt = performance.now();
      const answer = await app.graphql(
        'mutation ($email: EmailAddress!) { resendVerificationEmail(email: $email) }',
        { email },
      );
      expect(answer.data).toEqual({ resendVerificationEmail: true });
      return performance.now() - startedAt;
    };
    // Every answer waits for the same moment, which is far beyond what there is to do.
    for (const email of [ana.email, 'nobody@example.test']) expect(await timeOf(email)).toBeGreaterThan(140);
  });

  it('by a stranger’s token: somebody else’s account is not found, like one that is not there', async () => {
    const [ana, eve] = [await join(app), await join(app)];
    const ask = (id: string) =>
      app.graphql('query ($id: ID!) { user(id: $id) { id email } }', { id }, { bearer: eve.access });
    const there = await ask(ana.id);
    const notThere = await ask('019aa000-0000-7000-8000-000000000000');
    expect(seen(there)).toEqual(seen(notThere));
    expect(codeOf(there)).toBe('NOT_FOUND');
  });
});

describe('what went wrong inside stays inside', () => {
  it('a race for one name tells neither constraint nor statement', async () => {
    const input = newcomer();
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => signUp(app, { ...input, email: newcomer().email })),
    );
    for (const { body } of answers)
      expect(body).not.toMatch(
        /insert into|select |constraint|duplicate key|23505|users_|node_modules|\.ts:|\.js:/i,
      );
  });

  it('an unexpected failure leaves as a request id and nothing else', async () => {
    await look('alter table audit_events rename to audit_events_away');
    const { status, errors, body } = await signIn(app, 'nobody', 'wrong-password');
    await look('alter table audit_events_away rename to audit_events');
    expect(status).toBe(200);
    expect(errors).toHaveLength(1);
    expect(errors[0]?.extensions.code).toBe('INTERNAL_SERVER_ERROR');
    expect(Object.keys(errors[0]!.extensions).sort()).toEqual(['code', 'requestId']);
    expect(errors[0]?.message).toBe('Something went wrong on our side.');
    expect(body).not.toMatch(/audit_events|relation|42P01|stack/);
  });

  it('every refusal is its own: no answer carries the trace of another request', async () => {
    const answers = await Promise.all([
      signIn(app, 'nobody', 'wrong-password'),
      app.graphql('mutation ($input: SignInInput!) { other: signIn(input: $input) { __typename } }', {
        input: { login: 'nobody', password: 'wrong-password' },
      }),
    ]);
    expect(answers.map(({ errors }) => errors[0]?.path)).toEqual([['signIn'], ['other']]);
  });
});

describe('where an email address must be confirmed first', () => {
  let careful: TestApp;
  let inside: Look;
  let scene: Scene;
  beforeAll(async () => {
    careful = await startApp({ LIMITS_SCALE: '100', REQUIRE_EMAIL_VERIFICATION: 'on' });
    inside = await lookInto(careful.databaseUrl);
    scene = await openScene(careful);
  });
  afterAll(async () => {
    await scene.close();
    await inside.close();
    await careful.close();
  });
  const mailsTo = async (address: string) => (await mailsIn(careful)).filter(({ to }) => to === address);

  it('a taken address is answered like a free one, and its owner gets word without a link that opens anything', async () => {
    const ana = newcomer();
    const free = await signUp(careful, ana);
    expect(free.data['signUp']).toEqual({ __typename: 'EmailVerificationPending', email: ana.email });
    const count = async () => (await inside('select count(*)::int as count from users'))[0];
    const before = await count();

    const { made, result: taken } = await countHashes(() => signUp(careful, newcomer({ email: ana.email })));
    expect(made).toBe(1);
    expect(seen(taken)).toEqual(seen(free));
    expect(await count()).toEqual(before);

    const mails = await until('word reaches the owner', async () => {
      const got = await mailsTo(ana.email);
      return got.length === 2 ? got : undefined;
    });
    const notice = mails.find(({ subject }) => subject.includes('already'));
    expect(notice?.text).not.toContain('token=');
  });

  it('a race for one address has one winner, and the others see what they would have seen', async () => {
    const { email } = newcomer();
    const answers = await Promise.all(Array.from({ length: 4 }, () => signUp(careful, newcomer({ email }))));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(codeOf(answers[0]!)).toBeUndefined();
    expect(await inside('select count(*)::int as count from users where email_key = $1', [email])).toEqual([
      { count: 1 },
    ]);
  });

  it('a taken username is told, as usernames are public, and nothing is said of the address', async () => {
    const ana = newcomer();
    await signUp(careful, ana);
    const answer = await signUp(careful, newcomer({ email: ana.email, username: ana.username }));
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['CONFLICT', ['username']]);
    expect(answer.body).not.toMatch(/email/i);
  });

  /** What three who ask for another link hear, where two mails may be asked for. */
  async function asked(strict: TestApp, email: string): Promise<unknown[]> {
    const answers: unknown[] = [];
    for (let at = 0; at < 3; at++) {
      const { data, errors } = await strict.graphql(
        'mutation ($e: EmailAddress!) { resendVerificationEmail(email: $e) }',
        { e: email },
      );
      answers.push(errors[0]?.extensions.code ?? data['resendVerificationEmail']);
    }
    return answers;
  }

  it('asking for another link tells nobody whether there is such an account, however often', async () => {
    const strict = await careful.replica({ LIMITS_SCALE: '0.4' });
    const known = await asked(strict, (await scene.seat([])).email);
    expect(known).toEqual([true, true, 'RATE_LIMITED']);
    expect(await asked(strict, 'nobody@example.test')).toEqual(known);
    expect(await asked(strict, careful.owner.email)).toEqual(known);
  });

  it('how many mails may still be asked for tells nobody whether a sign-up found the address taken', async () => {
    const strict = await careful.replica({ LIMITS_SCALE: '0.4' });
    const free = newcomer();
    await signUp(strict, free);
    const left = await asked(strict, free.email);
    expect(left).toEqual([true, 'RATE_LIMITED', 'RATE_LIMITED']);
    const gone = [{}, { suspended_at: new Date() }, { deleted_at: new Date() }];
    for (const columns of gone) {
      const { email } = await scene.seat([], columns);
      await signUp(strict, newcomer({ email }));
      expect(await asked(strict, email)).toEqual(left);
    }
  });

  it('a stranger cannot flood somebody else’s letter box', async () => {
    const strict = await careful.replica({ LIMITS_SCALE: '0.4' });
    const victim = newcomer();
    await signUp(strict, victim);
    for (let at = 0; at < 4; at++) await signUp(strict, newcomer({ email: victim.email }));
    for (let at = 0; at < 2; at++) await signIn(strict, victim.username, victim.password);
    await until('the outbox is empty', async () => (await inside('select 1 from mail_outbox')).length === 0);
    // The first link, and as many more as the limit allows.
    expect((await mailsTo(victim.email)).length).toBeLessThanOrEqual(3);
  });
});
