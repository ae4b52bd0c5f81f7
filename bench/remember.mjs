// What the service's processes hold under a mixed load that goes on.
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from './load/run.mjs';
import { taskOf } from './measure.mjs';
import { slopeOf } from './numbers.mjs';
import { startService } from './rows/service.mjs';
import { usageOf } from './stage/processes.mjs';
import { inWords, say, step } from './stage/progress.mjs';

/** What is asked all the time, and by how many connections. */
const LOAD = { verify: 16, introspect: 4, refresh: 8, users: 2, signin: 2 };
/** What a process may hold, and by how much it may grow over the second half, in MB. */
const PROMISE = { mostMb: 200, growthMb: 5 };

/** Loads the service for so many seconds, sampling each second: { mostMb, growthMb, promises, processes: [{ name, samples: [[s, MB]] }], … }. */
export async function measureMemory(stage, seconds) {
  const row = await startService(stage, { name: 'authgraph memory' }, { people: 32, sessions: 96 });
  say(`memory: ${inWords(seconds)} of load`);
  try {
    const jobs = Object.entries(LOAD);
    const loads = jobs.map(([job, connections]) =>
      load({ url: row.url, seconds, connections, job: taskOf(row, job) }),
    );
    const all = Promise.all(loads);
    const samples = await sample(row.pid, all, seconds);
    const answers = await all;
    return describe(samples, seconds, Object.fromEntries(jobs.map(([job], at) => [job, answers[at]])));
  } finally {
    await row.stop();
  }
}

/** What each process of the tree holds, once a second until the load is over: a list a process, by its number. */
async function sample(pid, over, seconds) {
  const samples = new Map();
  const startedAt = performance.now();
  let isOver = false;
  void over.finally(() => (isOver = true)).catch(() => undefined);
  while (!isOver) {
    const at = Math.round((performance.now() - startedAt) / 100) / 10;
    for (const { pid: one, command, rssMb } of usageOf(pid).each) note(samples, one, command, [at, rssMb]);
    step(`${Math.round(at)} of ${seconds} s`);
    await sleep(1000);
  }
  return [...samples.values()];
}

function note(samples, pid, command, point) {
  const known = samples.get(pid) ?? { name: /hasher/.test(command) ? 'hasher' : 'service', samples: [] };
  known.samples.push([point[0], Math.round(point[1] * 10) / 10]);
  samples.set(pid, known);
}

function describe(processes, seconds, answers) {
  const lasting = processes.filter(({ samples }) => samples.at(-1)[0] >= seconds * 0.9);
  const halves = lasting.map(({ samples }) => samples.filter(([at]) => at >= seconds / 2));
  const mostMb = Math.max(...halves.flat().map(([, mb]) => mb));
  const growthMb = Math.max(...halves.map((half) => (slopeOf(half) * seconds) / 2));
  const wrong = Object.entries(answers).filter(([, { wrong: some, total }]) => some > total / 1000);
  const requests = Object.fromEntries(
    Object.entries(answers).map(([job, { total, wrong: some, sample: said }]) => [
      job,
      { total, wrong: some, sample: said },
    ]),
  );
  const date = new Date().toISOString().slice(0, 10);
  const isValid = wrong.length === 0;
  if (!isValid)
    say(
      `INVALID: wrong answers: ${JSON.stringify(Object.fromEntries(wrong.map(([job]) => [job, requests[job]])))}`,
    );
  const promises = [
    promise('memory: MB that a process holds, second half', isValid ? mostMb : null, PROMISE.mostMb),
    promise(
      'memory: MB by which a process grows over the second half',
      isValid ? growthMb : null,
      PROMISE.growthMb,
    ),
  ];
  return { date, seconds, limitMb: PROMISE.mostMb, mostMb, growthMb, requests, promises, processes: lasting };
}

const promise = (text, value, most) => ({ text, value, most, isKept: value !== null && value <= most });
