import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { codeOf, signIn } from '../harness/calls.js';
import { join, ownerOf, verify } from '../harness/people.js';
import { childrenOf, isAlive, type Child } from '../harness/process.js';
import { startProgram } from '../harness/program.js';
import { sql } from '../harness/sql.js';
import { quantile, until } from '../harness/until.js';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '1000', PASSWORD_HASH_COST: '10' });
});
afterAll(() => app.close());

/** The hashing processes of a process. */
const hashersOf = (parent: number) => childrenOf(parent, 'hasher.js');

/** What this process has now and had not before. */
const newcomers = (before: Child[]) =>
  hashersOf(process.pid).filter(({ pid }) => !before.some((old) => old.pid === pid));

const tries = (door: TestApp, login = 'nobody-at-all') => signIn(door, login, 'wrong-password');

const isLinux = process.platform === 'linux';

/** Threads of this process that let everything else go first. */
const modestThreads = () =>
  readdirSync('/proc/self/task').filter((thread) => {
    const fields = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').replace(/^.*\) /, '');
    return fields.split(' ')[16] === '19';
  });

(isLinux ? describe : describe.skip)('a thread that hashes', () => {
  it('lets everything else go first, the service itself included, and ends with it', async () => {
    const own = getPriority();
    const before = modestThreads();
    const children = hashersOf(process.pid);
    const one = await app.replica({ PASSWORD_HASH_PROCESSES: '1' });
    await tries(one);
    const added = modestThreads().filter((thread) => !before.includes(thread));
    expect(added).toHaveLength(1);
    expect(getPriority()).toBe(own);
    expect(newcomers(children)).toEqual([]);
    await one.close();
    await until('the thread is gone', () => !modestThreads().includes(added[0] ?? ''));
  });
});

/** A service that hashes at a higher cost than accounts were hashed at: what it checks then is timed, which processes do. */
const dearer = (more: Record<string, string> = {}) => app.replica({ PASSWORD_HASH_COST: '11', ...more });

describe('a process that hashes', () => {
  it('lets everything else go first, and knows no secret of the service', async () => {
    const before = hashersOf(process.pid);
    const one = await dearer();
    await tries(one, app.owner.username);
    const [hasher] = await until('it is there', () => nonEmpty(newcomers(before)));
    expect(hasher?.nice).toBe(19);
    if (isLinux) {
      const environment = readFileSync(`/proc/${hasher?.pid ?? 0}/environ`, 'utf8');
      expect(environment.replace(/\0/g, ' ')).toMatch(/^(NODE_\w+=\w+ ?)*$/);
    }
  });

  it('may be killed while it hashes: another one does the work, and nobody notices', async () => {
    const ana = await join(app);
    const before = hashersOf(process.pid);
    const one = await dearer({ PASSWORD_HASH_PROCESSES: '1' });
    await tries(one, app.owner.username);
    const [hasher] = newcomers(before);
    process.kill(hasher!.pid, 'SIGSTOP');
    const answer = signIn(one, ana.username, ana.password);
    await delay(50);
    process.kill(hasher!.pid, 'SIGKILL');
    expect(codeOf(await answer)).toBeUndefined();
    expect(newcomers(before).map(({ pid }) => pid)).not.toContain(hasher!.pid);
  });

  it('checks what takes much longer than usual: a thread could not be stopped over it', async () => {
    const ana = await join(app);
    await sql(app, "update users set password_hash = replace(password_hash, '$10$', '$12$') where id = $1", [
      ana.id,
    ]);
    const before = hashersOf(process.pid);
    const one = await app.replica({ PASSWORD_HASH_PROCESSES: '1' });
    expect(codeOf(await tries(one, ana.username))).toBe('INVALID_CREDENTIALS');
    expect(newcomers(before)).toHaveLength(1);
    await one.close();
  });

  it('that dies again over the same password leaves no one waiting', async () => {
    const ana = await join(app);
    const before = hashersOf(process.pid);
    const one = await dearer({ PASSWORD_HASH_PROCESSES: '1', PASSWORD_HASH_COST: '14' });
    const answer = tries(one, ana.username);
    const [first] = await until('the first is there', () => nonEmpty(newcomers(before)));
    process.kill(first!.pid, 'SIGKILL');
    const [second] = await until('the second is there', () =>
      nonEmpty(newcomers(before).filter(({ pid }) => pid !== first!.pid)),
    );
    process.kill(second!.pid, 'SIGKILL');
    expect(codeOf(await answer)).toBe('SERVICE_UNAVAILABLE');
    expect(codeOf(await signIn(one, ana.username, ana.password))).toBeUndefined();
  });

  it('ends with a service that is told to, and with one that is killed', async () => {
    const { env, drop } = await testEnvironment();
    // Its first owner has a password of the least cost from now on.
    const first = await startProgram(env);
    first.signal('SIGTERM');
    await first.ended;
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const program = await startProgram({ ...env, PASSWORD_HASH_COST: '11' });
      await ask(program.url, 'mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }', {
        input: { login: env['OWNER_USERNAME'], password: `not ${env['OWNER_PASSWORD']}` },
      });
      const hashers = hashersOf(program.pid);
      expect(hashers.length).toBeGreaterThan(0);
      expect(program.output()).not.toContain(env['OWNER_PASSWORD']);
      program.signal(signal);
      await program.ended;
      await until('no hasher is left', () => hashers.every(({ pid }) => !isAlive(pid)));
    }
    await drop();
  }, 60_000);
});

const nonEmpty = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined);

describe('more sign-ins than the machine can hash', () => {
  /** More than one hasher works off in five seconds (passwords/pool.ts), three at a time. */
  const CROWD = 260;

  it('are each answered, by a verdict or by when to come back; verification does not wait, and nobody loses a try', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '1', PASSWORD_HASH_PROCESSES: '1' });
    const ana = await ownerOf(strict);
    const crowd = Array.from({ length: CROWD }, (_, at) => tries(strict, `somebody-${at}`));
    const anas = Array.from({ length: 12 }, () => signIn(strict, ana.username, ana.password));
    let isOver = false;
    const storm = Promise.all([...crowd, ...anas]).finally(() => (isOver = true));
    const waits: number[] = [];
    while (!isOver) {
      const started = performance.now();
      expect(await verify(strict, ana.access)).toEqual({ valid: true, reason: null });
      waits.push(performance.now() - started);
      await delay(5);
    }
    const answers = await storm;
    const later = answers.filter((answer) => codeOf(answer) === 'RATE_LIMITED');
    const refused = answers.filter((answer) => codeOf(answer) === 'INVALID_CREDENTIALS');
    const welcome = answers.filter((answer) => codeOf(answer) === undefined);
    expect(later.length + refused.length + welcome.length).toBe(answers.length);
    for (const answer of await Promise.all(crowd)) expect(welcome).not.toContain(answer);
    for (const answer of await Promise.all(anas)) expect(refused).not.toContain(answer);
    expect(refused.length).toBeGreaterThanOrEqual(32);
    expect(later.length).toBeGreaterThan(0);
    for (const { errors } of later) expect(errors[0]?.extensions.retryAfterSeconds).toBeGreaterThan(0);
    // Behind a hash it would be a second and more. How fast it is on a machine of its own, bench/ says.
    expect(quantile(waits, 0.5)).toBeLessThan(50);
    expect(quantile(waits, 0.95)).toBeLessThan(250);
    expect(codeOf(await signIn(strict, ana.username, ana.password))).toBeUndefined();
  }, 120_000);
});
