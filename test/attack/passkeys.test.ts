import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf } from '../harness/calls.js';
import { begin, challengeOf, factorsOf, finish, setUpFactor } from '../harness/factors.js';
import { lookInto, type Look } from '../harness/look.js';
import {
  addPasskey,
  cbor,
  device,
  enterByPasskey,
  optionsIn,
  passkeysOf,
  visitorOf,
  type Cbor,
  type Json,
  type Lies,
} from '../harness/passkeys.js';
import { enter, join, type Person } from '../harness/people.js';

/** With room for many tries, and as strict as people have it. */
let app: TestApp;
let strict: TestApp;
let look: Look;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  strict = await app.replica({ LIMITS_SCALE: '1' });
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const sessionsOf = async ({ id }: Person) =>
  (await look('select id from sessions where user_id = $1 and ended_at is null', [id])).length;
/** Why the account's passkeys were refused, by the record. */
const reasonsOf = async ({ id }: Person) =>
  (
    await look<{ reason: string }>(
      "select details->>'reason' as reason from audit_events where subject = $1 and type = 'passkey.refused' order by id",
      [id],
    )
  ).map(({ reason }) => reason);
const idBytes = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
const times = <T>(many: number, make: (at: number) => Promise<T>) =>
  Promise.all(Array.from({ length: many }, (_, at) => make(at)));
const succeeded = (answers: Answer[]) => answers.filter((answer) => codeOf(answer) === undefined);
const options = async (login?: string) => optionsIn(await visitorOf(app).options(login));

describe('nobody signs in', () => {
  it.each<[string, string, Lies]>([
    ['on a page that is not ours', 'origin', { origin: 'https://auth.example.test.evil.test' }],
    ['on our page by plain http', 'origin', { origin: 'http://auth.example.test' }],
    ['on another port of ours', 'origin', { origin: 'https://auth.example.test:8443' }],
    ['on our page shown inside another’s', 'origin', { crossOrigin: true }],
    ['with a passkey of another service', 'proof', { rpId: 'example.test' }],
    ['without having been verified by the device', 'proof', { userVerified: false }],
    ['without being there', 'proof', { userPresent: false }],
    ['with what registers a passkey', 'proof', { type: 'webauthn.create' }],
    ['with a signature of somebody else', 'proof', { signer: device() }],
    ['with a key that could not be copied and now can', 'proof', { backupEligible: true }],
    [
      'with a challenge that nobody made',
      'challenge',
      { challenge: Buffer.alloc(32, 1).toString('base64url') },
    ],
    ['as somebody else', 'credential', { userHandle: idBytes('01890000-0000-7000-8000-000000000000') }],
    ['as nobody, where nobody was named', 'credential', { userHandle: null }],
  ])('%s', async (_how, reason, lies) => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const answer = await enterByPasskey(app, own, undefined, lies);
    expect([codeOf(answer), answer.errors[0]?.message]).toEqual([
      'INVALID_CREDENTIALS',
      'Invalid credentials',
    ]);
    expect(await reasonsOf(ana)).toEqual([reason]);
    expect(await sessionsOf(ana)).toBe(1);
    // It was the lie, and nothing else.
    expect(codeOf(await enterByPasskey(app, own))).toBeUndefined();
  });

  it('twice with one answer, nor with two answers to one challenge', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const asked = await options();
    const response = own.get(asked);
    expect(codeOf(await visitorOf(app).signIn(response))).toBeUndefined();
    for (const again of [response, own.get(asked)])
      expect(codeOf(await visitorOf(app).signIn(again))).toBe('INVALID_CREDENTIALS');
    expect(await reasonsOf(ana)).toEqual(['challenge', 'challenge']);
  });

  it('more than once with one answer in 20 parallel calls', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana, device({ counts: false }));
    const response = own.get(await options());
    const answers = await times(20, (at) => visitorOf(at % 2 ? app : strict).signIn(response));
    expect(succeeded(answers)).toHaveLength(1);
    expect(await sessionsOf(ana)).toBe(2);
  });

  it('with a challenge that was answered wrongly before', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const asked = await options(ana.username);
    expect(codeOf(await visitorOf(app).signIn(own.get(asked, { signer: device() })))).toBe(
      'INVALID_CREDENTIALS',
    );
    expect(codeOf(await visitorOf(app).signIn(own.get(asked)))).toBe('INVALID_CREDENTIALS');
  });

  it('after five minutes', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const asked = await options(ana.username);
    const [challenge] = await look<{ life: number }>(
      'update webauthn_challenges set expires_at = now() where user_id = $1 and used_at is null returning extract(epoch from expires_at - created_at)::int as life',
      [ana.id],
    );
    expect(challenge).toBeDefined();
    expect(codeOf(await visitorOf(app).signIn(own.get(asked)))).toBe('INVALID_CREDENTIALS');
    expect(await reasonsOf(ana)).toEqual(['challenge']);
    await options(ana.username);
    const [fresh] = await look<{ life: number }>(
      'select round(extract(epoch from expires_at - created_at))::int as life from webauthn_challenges where user_id = $1 order by id desc',
      [ana.id],
    );
    expect(fresh?.life).toBe(300);
  });

  it('with a challenge that was made for something else', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    await setUpFactor(app, ana);
    const waiting = await challengeOf(app, ana);
    const door = passkeysOf(app, ana);
    for (const asked of [
      optionsIn(await door.options(ana.password)),
      optionsIn(await door.stepUpOptions()),
      optionsIn(await visitorOf(app).challengeOptions(waiting)),
    ])
      expect(codeOf(await visitorOf(app).signIn(own.get({ rpId: 'auth.example.test', ...asked })))).toBe(
        'INVALID_CREDENTIALS',
      );
    expect(await reasonsOf(ana)).toEqual(['challenge', 'challenge', 'challenge']);
    const asked = await options();
    expect(codeOf(await door.stepUp(own.get(asked)))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await visitorOf(app).verify(waiting, own.get(await options())))).toBe('MFA_CODE_INVALID');
  });

  it('as another account by one’s own passkey, nor as nobody', async () => {
    const [ana, bare, eve] = [await join(app), await join(app), await join(app)];
    await addPasskey(app, ana);
    const own = await addPasskey(app, eve);
    for (const login of [ana.username, bare.email, 'nobody-of-that-name'])
      for (const userHandle of [undefined, null, idBytes(ana.id)]) {
        const lies = userHandle === undefined ? {} : { userHandle };
        expect(codeOf(await enterByPasskey(app, own, login, lies))).toBe('INVALID_CREDENTIALS');
      }
    expect(new Set(await reasonsOf(eve))).toEqual(new Set(['credential']));
    expect(codeOf(await enterByPasskey(app, own, eve.email))).toBeUndefined();
  });

  it('with somebody else’s passkey that one’s own key signs for', async () => {
    const [ana, eve] = [await join(app), await join(app)];
    const [hers, own] = [await addPasskey(app, ana), await addPasskey(app, eve)];
    const answer = await enterByPasskey(app, own, ana.email, { id: hers.id, userHandle: idBytes(ana.id) });
    expect(codeOf(answer)).toBe('INVALID_CREDENTIALS');
    expect(await reasonsOf(ana)).toEqual(['proof']);
  });

  it('with a passkey that was removed between question and answer', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const response = own.get(await options(ana.email));
    await passkeysOf(app, ana).remove(own.passkeyId, ana.password);
    expect(codeOf(await visitorOf(app).signIn(response))).toBe('INVALID_CREDENTIALS');
  });
});

describe('a copy of a key that counts', () => {
  it('is noticed when it counts backwards, or says the same number again', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    expect(codeOf(await enterByPasskey(app, own, undefined, { counter: 40 }))).toBeUndefined();
    for (const counter of [39, 40, 0])
      expect(codeOf(await enterByPasskey(app, own, undefined, { counter }))).toBe('INVALID_CREDENTIALS');
    expect(await reasonsOf(ana)).toEqual(['counter', 'counter', 'counter']);
    expect(codeOf(await enterByPasskey(app, own, undefined, { counter: 41 }))).toBeUndefined();
    const [stored] = await look('select counter::int from passkeys where user_id = $1', [ana.id]);
    expect(stored).toEqual({ counter: 41 });
  });

  it('opens one session where ten answers bear the same number', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const asked = await times(10, () => options());
    const answers = await Promise.all(
      asked.map((one) => visitorOf(app).signIn(own.get(one, { counter: 99 }))),
    );
    expect(succeeded(answers)).toHaveLength(1);
    expect(await sessionsOf(ana)).toBe(2);
  });
});

describe('nobody registers', () => {
  const refused = async (ana: Person, make: (asked: Json) => Json) => {
    const door = passkeysOf(app, ana);
    const answer = await door.register(make(optionsIn(await door.options(ana.password))));
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['response']]);
    expect(await look('select 1 from passkeys where user_id = $1', [ana.id])).toEqual([]);
  };

  it.each<[string, string, Lies]>([
    ['what was made on a page that is not ours', 'origin', { origin: 'https://evil.test' }],
    ['what was made on our page shown inside another’s', 'origin', { crossOrigin: true }],
    ['what was made for another service', 'proof', { rpId: 'evil.test' }],
    ['what its device has not verified anybody for', 'proof', { userVerified: false }],
    ['the use of a passkey', 'proof', { type: 'webauthn.get' }],
    ['what answers another challenge', 'challenge', { challenge: 'AAAA' }],
  ])('%s', async (_what, reason, lies) => {
    const ana = await join(app);
    await refused(ana, (asked) => device().create(asked, lies));
    expect(await reasonsOf(ana)).toEqual([reason]);
  });

  it('a key of another kind, or one that is none', async () => {
    const ana = await join(app);
    const object = (key: Cbor) => {
      const head = Buffer.concat([
        Buffer.alloc(32),
        Buffer.from([0x45]),
        Buffer.alloc(4 + 16),
        Buffer.from([0, 1, 9]),
      ]);
      const parts = new Map<Cbor, Cbor>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', Buffer.concat([head, cbor(key)])],
      ]);
      return cbor(parts).toString('base64url');
    };
    for (const key of [
      new Map<Cbor, Cbor>([
        [1, 2],
        [3, -8000],
      ]),
      new Map<Cbor, Cbor>(),
      'key',
      7,
    ])
      await refused(ana, (asked) => {
        const made = device().create(asked);
        return { ...made, response: { ...made['response'], attestationObject: object(key) } };
      });
  });

  it('twice by one answer, nor once by ten at a time', async () => {
    const ana = await join(app);
    const door = passkeysOf(app, ana);
    const response = device().create(optionsIn(await door.options(ana.password)));
    expect(succeeded(await times(10, () => door.register(response)))).toHaveLength(1);
    expect(codeOf(await door.register(response))).toBe('BAD_USER_INPUT');
  });

  it('from another session than the one that gave the password, nor for another account', async () => {
    const [ana, eve] = [await join(app), await join(app)];
    const elsewhere = await enter(app, ana);
    const asked = optionsIn(await passkeysOf(app, ana).options(ana.password));
    for (const other of [elsewhere, eve])
      expect(codeOf(await passkeysOf(app, other).register(device().create(asked)))).toBe('BAD_USER_INPUT');
    expect(await reasonsOf(eve)).toEqual(['challenge']);
    expect(codeOf(await passkeysOf(app, ana).register(device().create(asked)))).toBeUndefined();
  });

  it('with a challenge that a newer one has replaced, or one from before the password was changed', async () => {
    const ana = await join(app);
    const door = passkeysOf(app, ana);
    const [first, second] = [
      optionsIn(await door.options(ana.password)),
      optionsIn(await door.options(ana.password)),
    ];
    expect(codeOf(await door.register(device().create(first)))).toBe('BAD_USER_INPUT');
    await app.graphql(
      'mutation ($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n) { passwordChangedAt } }',
      { c: ana.password, n: 'quite-another-Word-9' },
      { bearer: ana.access },
    );
    expect(codeOf(await door.register(device().create(second)))).toBe('INVALID_CREDENTIALS');
    expect(await look('select 1 from passkeys where user_id = $1', [ana.id])).toEqual([]);
  });

  it('a passkey that somebody has already', async () => {
    const [ana, eve] = [await join(app), await join(app)];
    const own = await addPasskey(app, ana);
    const door = passkeysOf(app, eve);
    const answer = await door.register(own.create(optionsIn(await door.options(eve.password))));
    expect(codeOf(answer)).toBe('CONFLICT');
    expect(
      codeOf(await enterByPasskey(app, own, ana.email, { userHandle: idBytes(ana.id) })),
    ).toBeUndefined();
  });

  it('past a second factor that the session has not proved', async () => {
    const ana = await join(app);
    const asked = optionsIn(await passkeysOf(app, ana).options(ana.password));
    await setUpFactor(app, ana);
    await look("update sessions set proved_at = now() - interval '6 minutes' where id = $1", [ana.sessionId]);
    expect(codeOf(await passkeysOf(app, ana).register(device().create(asked)))).toBe('INSUFFICIENT_AAL');
  });
});

describe('a passkey as second factor', () => {
  it('is counted with the codes: five wrong ones of either kind end the challenge', async () => {
    const ana = await join(app);
    const { codes } = await setUpFactor(app, ana);
    const own = await addPasskey(app, ana);
    const challenge = await challengeOf(app, ana);
    const wrong = async () => {
      const asked = optionsIn(await visitorOf(app).challengeOptions(challenge));
      return visitorOf(app).verify(challenge, own.get(asked, { userVerified: false }));
    };
    for (let at = 0; at < 4; at++) expect(codeOf(await wrong())).toBe('MFA_CODE_INVALID');
    expect(codeOf(await finish(app, challenge, '000000'))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await finish(app, challenge, codes[0]!))).toBe('MFA_CHALLENGE_EXPIRED');
    expect(codeOf(await visitorOf(app).challengeOptions(challenge))).toBe('MFA_CHALLENGE_EXPIRED');
    expect(await reasonsOf(ana)).toEqual(Array<string>(4).fill('proof'));
  });

  it('draws on the account’s budget of secret checks', async () => {
    const ana = await join(strict);
    await setUpFactor(strict, ana);
    const own = await addPasskey(strict, ana);
    const wrong = async (challenge: string) => {
      const asked = optionsIn(await visitorOf(strict).challengeOptions(challenge));
      return codeOf(await visitorOf(strict).verify(challenge, own.get(asked, { signer: device() })));
    };
    const codes: (string | undefined)[] = [];
    for (const tries of [4, 4, 3]) {
      const challenge = await challengeOf(strict, ana);
      for (let at = 0; at < tries; at++) codes.push(await wrong(challenge));
    }
    expect(codes).toEqual([...Array<string>(10).fill('MFA_CODE_INVALID'), 'RATE_LIMITED']);
  });

  it('answers its own sign-in and no other, and is of the account', async () => {
    const [ana, eve] = [await join(app), await join(app)];
    await setUpFactor(app, ana);
    const own = await addPasskey(app, ana);
    const theirs = await addPasskey(app, eve);
    const first = await challengeOf(app, ana);
    const asked = optionsIn(await visitorOf(app).challengeOptions(first));
    // A newer sign-in voids the first; what was asked for that one is no answer to this.
    const second = await challengeOf(app, ana);
    expect(codeOf(await visitorOf(app).verify(second, own.get(asked)))).toBe('MFA_CODE_INVALID');
    const again = optionsIn(await visitorOf(app).challengeOptions(second));
    expect(codeOf(await visitorOf(app).verify(second, theirs.get(again)))).toBe('MFA_CODE_INVALID');
    expect([await reasonsOf(ana), await reasonsOf(eve)]).toEqual([['challenge'], ['credential']]);
  });

  it('in 20 parallel calls opens exactly one session', async () => {
    const ana = await join(app);
    await setUpFactor(app, ana);
    const own = await addPasskey(app, ana);
    const challenge = await challengeOf(app, ana);
    const response = own.get(optionsIn(await visitorOf(app).challengeOptions(challenge)));
    const before = await sessionsOf(ana);
    const answers = await times(20, () => visitorOf(app).verify(challenge, response));
    expect(succeeded(answers)).toHaveLength(1);
    expect(await sessionsOf(ana)).toBe(before + 1);
  });

  it('raises the session that asked and no other', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const elsewhere = await enter(app, ana);
    const asked = optionsIn(await passkeysOf(app, ana).stepUpOptions());
    expect(codeOf(await passkeysOf(app, elsewhere).stepUp(own.get(asked)))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await passkeysOf(app, ana).stepUp(own.get(asked)))).toBeUndefined();
  });

  it('does not let a reset of all factors be outlived by a challenge', async () => {
    const ana = await join(app);
    const owner = await enter(app, app.owner);
    await setUpFactor(app, ana);
    const own = await addPasskey(app, ana);
    const { challengeToken } = (await begin(app, ana.email, ana.password)).data['signIn'];
    const asked = optionsIn(await visitorOf(app).challengeOptions(challengeToken));
    await factorsOf(app, owner).reset(ana.id);
    expect(codeOf(await visitorOf(app).verify(challengeToken, own.get(asked)))).toBe('MFA_CHALLENGE_EXPIRED');
  });
});

describe('nobody can tell by a passkey who lives here', () => {
  const cost = async (login: string) => {
    const before = await look.census();
    const answer = await visitorOf(app).options(login);
    const after = await look.census();
    const written = Object.keys(after).filter((table) => after[table] !== before[table]);
    return { answer, written };
  };

  it('by the options, which have the same form for all', async () => {
    const [ana, bare] = [await join(app), await join(app)];
    await addPasskey(app, ana);
    const formOf = (text: string) => text.replace(/"(id|challenge)":"[A-Za-z0-9_-]+"/g, '"$1":"…"');
    const seen: unknown[] = [];
    for (const login of [ana.email, bare.email, bare.username, 'nobody@example.test']) {
      const { answer, written } = await cost(login);
      const headers = [...answer.headers].map(([name]) => name).sort();
      seen.push({ form: formOf(answer.body), status: answer.status, headers, written });
    }
    const [first, ...others] = seen;
    expect(first).toMatchObject({ status: 200, written: ['webauthn_challenges'] });
    for (const other of others) expect(other).toEqual(first);
  });

  it('by asking twice: who is not there has the same passkey each time, on every replica, and each another one', async () => {
    const nobodies = ['nobody-1', 'nobody-2', 'nobody-3', 'nobody-1@example.test'];
    const idOf = async (at: TestApp, login: string) =>
      optionsIn(await visitorOf(at).options(login))['allowCredentials'][0].id as string;
    const first = await Promise.all(nobodies.map((login) => idOf(app, login)));
    const again = await Promise.all(nobodies.map((login) => idOf(strict, login.toUpperCase())));
    expect(again).toEqual(first);
    expect(new Set(first).size).toBe(nobodies.length);
    for (const id of first) expect([16, 20, 32]).toContain(Buffer.from(id, 'base64url').length);
  });

  it('by an answer for a passkey that is not there', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana);
    const asked = await options('nobody@example.test');
    const pretended = visitorOf(app).signIn(device().get(asked, { id: asked['allowCredentials'][0].id }));
    const real = enterByPasskey(app, own, ana.email, { signer: device() });
    const [one, other] = [await pretended, await real];
    expect(one.body.replace(/"requestId":"[^"]*"/, '')).toBe(other.body.replace(/"requestId":"[^"]*"/, ''));
    expect(codeOf(one)).toBe('INVALID_CREDENTIALS');
  });

  it('by a dump: neither challenges nor anything to sign with are in it', async () => {
    const ana = await join(app);
    const asked = await options(ana.email);
    const dump = await look.dump();
    for (const encoding of ['hex', 'base64', 'base64url'] as const)
      expect(dump).not.toContain(Buffer.from(asked['challenge'], 'base64url').toString(encoding));
  });

  it('by many questions at once: a document holds one', async () => {
    const answer = await app.graphql(
      'mutation { a: passkeySignInOptions(login: "ana") b: passkeySignInOptions(login: "eve") }',
    );
    expect(codeOf(answer)).toBe('GRAPHQL_VALIDATION_FAILED');
  });
});

describe('whatever comes instead of an answer', () => {
  const NONSENSE: unknown[] = [
    {},
    [],
    '',
    'x',
    0,
    -1,
    1e300,
    true,
    { id: 'x' },
    { response: {} },
    { id: null, rawId: null, type: 'public-key', response: null },
    '\u0000',
    '\ud800',
    'é',
    '=',
    'A',
    'AAAA',
    'e30',
    'bnVsbA',
    'W10',
    'x'.repeat(30_000),
    ['x'.repeat(100)],
    { toString: 1, constructor: { prototype: 1 }, length: 1e9 },
    JSON.parse('{"__proto__": {"id": "x"}}'),
  ];
  const places = (value: unknown, path: string[] = []): string[][] =>
    typeof value === 'object' && value !== null
      ? [path, ...Object.entries(value).flatMap(([name, inner]) => places(inner, [...path, name]))]
      : [path];
  const withAt = (value: unknown, [step, ...rest]: string[], put: unknown): unknown =>
    step === undefined ? put : { ...(value as Json), [step]: withAt((value as Json)[step], rest, put) };
  /** Of bytes: cut short, and with other ones. */
  const broken = (text: unknown) => {
    const bytes = Buffer.from(String(text), 'base64url');
    return [bytes.subarray(0, -1), bytes.subarray(1), Buffer.concat([bytes, bytes]), Buffer.alloc(40, 0xff)]
      .concat(
        Array.from({ length: 6 }, (_, at) =>
          Buffer.from(bytes.map((byte, index) => (index === at * 7 ? byte ^ 0xe5 : byte))),
        ),
      )
      .map((changed) => changed.toString('base64url'));
  };

  it('is told to be none, or to be wrong, and never to have gone wrong inside', async () => {
    const ana = await join(app);
    const own = await addPasskey(app, ana, device({ counts: false }));
    const codes = new Set<string | undefined>();
    for (const path of places(own.get(await options()))) {
      const sound = own.get(await options());
      const there = path.reduce<unknown>((value, step) => (value as Json)[step], sound);
      const all = typeof there === 'string' ? [...NONSENSE, ...broken(there)] : NONSENSE;
      for (const answer of await Promise.all(
        all.map((put) => visitorOf(app).signIn(withAt(sound, path, put))),
      )) {
        const isHarmless = path[0] === 'clientExtensionResults';
        if (!isHarmless) codes.add(codeOf(answer));
        if (codeOf(answer) === 'BAD_USER_INPUT') expect(faultsOf(answer)).toEqual(['response']);
      }
    }
    expect([...codes].sort()).toEqual(['BAD_USER_INPUT', 'INVALID_CREDENTIALS']);
  });

  it('registers nothing either', async () => {
    const ana = await join(app);
    const door = passkeysOf(app, ana);
    const asked = optionsIn(await door.options(ana.password));
    const sound = device().create(asked);
    const idle = /^(clientExtensionResults|authenticatorAttachment|response\.transports)/;
    for (const path of places(sound).filter((one) => !idle.test(one.join('.')))) {
      const there = path.reduce<unknown>((value, step) => (value as Json)[step], sound);
      const all = typeof there === 'string' ? [...NONSENSE, ...broken(there)] : NONSENSE;
      for (const put of all) {
        const answer = await door.register(withAt(sound, path, put));
        if (codeOf(answer) !== undefined)
          expect([put, codeOf(answer), faultsOf(answer)]).toEqual([put, 'BAD_USER_INPUT', ['response']]);
      }
    }
  });

  it('is told as such by the other doors', async () => {
    const ana = await join(app);
    await setUpFactor(app, ana);
    const challenge = await challengeOf(app, ana);
    for (const put of NONSENSE) {
      const answers = [await visitorOf(app).verify(challenge, put), await passkeysOf(app, ana).stepUp(put)];
      for (const answer of answers)
        expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['response']]);
    }
    for (const login of ['', ' ', 'x'.repeat(255), 'a\u0000b', 'a\ud800b'])
      expect(faultsOf(await visitorOf(app).options(login))).toEqual(['login']);
  });
});
