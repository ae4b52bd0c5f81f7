import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ask, testEnvironment, type TestApp } from '../harness/app.js';
import { lookInto } from '../harness/look.js';
import { scrape } from '../harness/metrics.js';
import { verify } from '../harness/people.js';
import { signIn } from '../harness/calls.js';
import { childrenOf } from '../harness/process.js';
import { startProgram, type Program } from '../harness/program.js';
import { until } from '../harness/until.js';

let environment: Awaited<ReturnType<typeof testEnvironment>>;
let program: Program;
let door: Pick<TestApp, 'graphql'>;
let token: string;
let inside: Awaited<ReturnType<typeof lookInto>>;

beforeAll(async () => {
  environment = await testEnvironment({ WEB_CONCURRENCY: '2', LOG_LEVEL: 'info', METRICS_PORT: '0' });
  const { env } = environment;
  program = await startProgram(env);
  door = { graphql: (query, variables, asking) => ask(program.url, query, variables, asking) };
  inside = await lookInto(env.DATABASE_URL);
  const { data } = await signIn(door, env['OWNER_USERNAME'] ?? '', env['OWNER_PASSWORD'] ?? '');
  token = data['signIn'].accessToken as string;
});
afterAll(async () => {
  program.signal('SIGKILL');
  await program.ended;
  await inside.close();
  await environment.drop();
  rmSync(environment.env.DATA_DIR, { recursive: true, force: true });
});

const GOOD = { valid: true, reason: null };

/** The longest that a busy machine may take to start a process of the service, in milliseconds. */
const START_MS = 30_000;

/** The processes that answer requests: children of the one that was started which run the same program. */
const workers = (): number[] => childrenOf(program.pid, 'main.js').map(({ pid }) => pid);

const both = () => until('two workers are there', () => (workers().length === 2 ? workers() : undefined));

/** Between two questions of one client, in milliseconds: who asks without a pause takes the processors that workers start on. */
const PAUSE_MS = 20;

/** Asks from several connections at once, over and over, until `work` is done. @returns what was answered and what failed */
async function underLoad(work: () => Promise<unknown>): Promise<{ answered: number; failed: unknown[] }> {
  const failed: unknown[] = [];
  let [answered, isOver] = [0, false];
  const client = async () => {
    while (!isOver) {
      await verify(door, token).then(
        (answer) => (answer.valid ? answered++ : failed.push(answer)),
        (error: unknown) => failed.push(error),
      );
      await delay(PAUSE_MS);
    }
  };
  const clients = Array.from({ length: 4 }, client);
  await work().finally(() => (isOver = true));
  await Promise.all(clients);
  return { answered, failed };
}

/** Backends that have the duty or wait to be asked again. */
const onDuty = () =>
  inside<{ pid: number }>(`select a.pid from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and a.application_name = 'authgraph-standing' and a.datname = current_database()`);

it('count each for itself, on one page that their supervisor serves', async () => {
  await both();
  const metricsUrl = /Metrics +(\S+)/.exec(program.output())?.[1];
  const numbersOf = async (metric: string) =>
    (await scrape({ metricsUrl })).samples.filter(({ name }) => name === metric);
  const verified = async () =>
    (await numbersOf('authgraph_token_verifications_total')).reduce((all, { value }) => all + value, 0);
  const named = await until('both answer', async () => {
    const found = await numbersOf('authgraph_build_info');
    return found.length === 2 ? found : undefined;
  });
  expect(named.map(({ labels }) => labels['worker']).sort()).toEqual(['1', '2']);
  const before = await verified();
  await Promise.all([1, 2, 3, 4].map(() => verify(door, token)));
  expect((await verified()) - before).toBe(4);
});

it('two workers answer on one port, and what one of them revokes the other refuses', async () => {
  await both();
  const { data } = await signIn(
    door,
    environment.env['OWNER_USERNAME'] ?? '',
    environment.env['OWNER_PASSWORD'] ?? '',
  );
  const { accessToken } = data['signIn'] as { accessToken: string };
  const { errors } = await door.graphql('mutation ($token: String!) { revoke(token: $token) }', {
    token: accessToken,
  });
  expect(errors).toEqual([]);
  await until('each has heard', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => verify(door, accessToken)));
    return answers.every(({ reason }) => reason === 'REVOKED');
  });
});

it('one of them does what one process is enough for, and another when that one is cut off', async () => {
  await both();
  const [first, ...more] = await until('one has the duty', async () => nonEmpty(await onDuty()));
  expect(more).toEqual([]);
  await inside(`select pg_terminate_backend(${first!.pid})`);
  const [second] = await until('somebody else has it', async () =>
    nonEmpty((await onDuty()).filter(({ pid }) => pid !== first!.pid)),
  );
  expect(second).toBeDefined();
  expect(await onDuty()).toHaveLength(1);
});

const nonEmpty = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined);

it('a worker that is killed is replaced while the other goes on', async () => {
  const [one, other] = await both();
  process.kill(one!, 'SIGKILL');
  const after = await until('another is there', () => {
    const now = workers();
    return now.length === 2 && !now.includes(one!) ? now : undefined;
  });
  expect(after).toContain(other);
  expect(await verify(door, token)).toEqual(GOOD);
  await until('it is told', () => program.output().includes('a worker has ended'));
});

it(
  'SIGHUP replaces both, and no request fails',
  async () => {
    const before = await both();
    const { answered, failed } = await underLoad(async () => {
      program.signal('SIGHUP');
      const newcomers = () => workers().filter((pid) => !before.includes(pid));
      for (const wanted of [1, 2])
        await until(`${wanted} of them has begun`, () => newcomers().length >= wanted, START_MS);
      await until('both are new', () => program.output().includes('every worker was replaced'), START_MS);
    });
    expect(failed).toEqual([]);
    expect(answered).toBeGreaterThan(0);
    const after = await both();
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    expect(await verify(door, token)).toEqual(GOOD);
  },
  3 * START_MS,
);

it('SIGTERM stops all of them, and what is under way is answered', async () => {
  const lock = await inside.another();
  await lock.query('begin; lock table users in access exclusive mode');
  const { env } = environment;
  const underWay = signIn(door, env['OWNER_USERNAME'] ?? '', env['OWNER_PASSWORD'] ?? '');
  const isWaiting = "wait_event_type = 'Lock' and datname = current_database()";
  await until('it is under way', async () =>
    nonEmpty(await inside(`select 1 from pg_stat_activity where ${isWaiting}`)),
  );
  program.signal('SIGTERM');
  await until('they stop', () => program.output().includes('SIGTERM'));
  await lock.query('rollback');
  expect((await underWay).data['signIn'].accessToken).toBeDefined();
  expect(await program.ended).toBe(0);
  expect(workers()).toEqual([]);
});
