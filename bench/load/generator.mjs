// One load in a process of its own, so that the generator's work is not the server's. Told what to do by one message:
//   { url, seconds, connections, rate?, job: { mode, method, path, headers, body, status, ok, not, capture, rows | first } }
// Without a rate each connection asks again as soon as it is answered. With one, so many requests a second fall due, whether or not answers
// come, and a wait counts from the moment at which its request was due. Answers what `summary` holds.
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './connection.mjs';
import { sourceOf } from './source.mjs';
import { isRight } from './template.mjs';

/** How long after the end answers are waited for. */
const PATIENCE_MS = 20_000;

process.once('message', async (task) => {
  const answer = await run(task);
  process.send(answer, () => process.exit(0));
});

async function run({ url, seconds, connections, rate, job }) {
  const { hostname: host, port } = new URL(url);
  const state = {
    job,
    source: sourceOf(job, `${host}:${port}`),
    idle: Array.from({ length: connections }, () => new Connection({ host, port: Number(port) })),
    all: [],
    waits: [],
    inTime: 0,
    under: 0,
    total: 0,
    wrong: 0,
  };
  state.all = [...state.idle];
  state.startedAt = performance.now();
  state.endsAt = state.startedAt + seconds * 1000;
  await (rate ? atRate(state, rate) : asFastAsAnswered(state));
  await drained(state);
  return summary(state, seconds);
}

function asFastAsAnswered(state) {
  const again = (connection) => {
    if (performance.now() < state.endsAt && ask(state, connection, performance.now(), again)) return;
    state.idle.push(connection);
  };
  for (const connection of state.idle.splice(0)) again(connection);
  return sleep(state.endsAt - state.startedAt);
}

async function atRate(state, rate) {
  const due = [];
  const serve = () => {
    while (due.length > 0 && state.idle.length > 0) {
      const connection = state.idle.pop();
      const isSent = ask(state, connection, due.shift(), (free) => (state.idle.push(free), serve()));
      if (!isSent) state.idle.push(connection);
    }
  };
  for (let at = 0; ; at++) {
    const moment = state.startedAt + (at * 1000) / rate;
    if (moment >= state.endsAt) break;
    if (moment > performance.now()) await sleep(Math.max(1, Math.round(moment - performance.now())));
    due.push(moment);
    serve();
  }
  while (due.length > 0 && performance.now() < state.endsAt + PATIENCE_MS) await sleep(5);
  state.wrong += due.length;
}

/** Answers false, and counts it as wrong, when there is nothing left to ask. */
function ask(state, connection, since, done) {
  const request = state.source.next();
  if (!request) {
    note(state, 'nothing left to ask: more sessions than connections are needed');
    return false;
  }
  state.under++;
  connection.ask(request.bytes, (answer) => {
    state.under--;
    take(state, request, answer, since);
    done(connection);
  });
  return true;
}

function take(state, request, answer, since) {
  state.total++;
  if (answer instanceof Error) return note(state, answer.message);
  if (!isRight(state.job, answer)) return note(state, `${answer.status} ${answer.body.subarray(0, 300)}`);
  const now = performance.now();
  state.source.answered(request, answer.body);
  state.waits.push(now - since);
  if (now <= state.endsAt) state.inTime++;
}

function note(state, what) {
  state.wrong++;
  state.sample ??= what;
}

async function drained(state) {
  for (const end = performance.now() + PATIENCE_MS; state.under > 0 && performance.now() < end;)
    await sleep(5);
  for (const connection of state.all) connection.close();
}

/** The rate counts what was answered in time; the waits are those of all that were asked. */
function summary(state, seconds) {
  const waits = Float64Array.from(state.waits).sort();
  const at = (share) => waits[Math.max(0, Math.ceil(waits.length * share) - 1)] ?? null;
  return {
    rate: state.inTime / seconds,
    total: state.total,
    wrong: state.wrong,
    sample: state.sample,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    left: state.source.left(),
    generatorCpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
  };
}
