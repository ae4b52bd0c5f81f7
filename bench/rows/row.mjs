// A row: a server that runs, its jobs, and the people and sessions that loads draw on.
import { setTimeout as sleep } from 'node:timers/promises';
import { captured, fill, isRight, personOf } from '../load/template.mjs';

const PATIENCE_MS = 20_000;
/** A revocation is waited for so long before the row is said not to hear of it. */
const HEARS_MS = 5000;

/** Asks one thing of a row: { isRight, status, body, values } with what was captured added to the values. */
export async function ask(row, job, values) {
  const response = await fetch(row.url + fill(job.path, values), {
    method: job.method ?? 'POST',
    redirect: 'manual',
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: Object.fromEntries(Object.entries(job.headers ?? {}).map(([k, v]) => [k, fill(v, values)])),
    ...(job.body !== undefined && { body: fill(job.body, values) }),
  });
  const body = await response.text();
  const found = captured(job, body, response.headers.getSetCookie().join('\n'));
  return {
    isRight: isRight(job, { status: response.status, body }),
    status: response.status,
    body,
    values: { ...values, ...found },
  };
}

/** The same for what must go well. @returns the values @throws Error with what was answered */
export async function must(row, name, values, job = row.jobs[name]) {
  const answer = await ask(row, job, values);
  if (!answer.isRight) throw new Error(`${name}: ${answer.status} ${answer.body.slice(0, 300)}`);
  return answer.values;
}

/** Gives a row its people: those that its sign-up or `seed` makes, four at a time, or one where the row says `serialSetup`. */
export async function populate(row, people, sessions) {
  const making = ['signup', 'seed'].find((name) => row.jobs[name]);
  row.people = await batched(row, people, async (at) => {
    const person = { ...personOf(at + 1), ...row.constants };
    return making ? { ...person, ...(await must(row, making, person)) } : person;
  });
  row.nextPerson = 1_000_000;
  await openSessions(row, sessions);
}

/** Opens sessions for its people in turn, by `session` or else by signing in; a row that has neither is asked by people without one. */
async function openSessions(row, sessions) {
  const opening = ['session', 'signin'].find((name) => row.jobs[name]);
  row.sessions = opening
    ? await batched(row, sessions, (at) => must(row, opening, row.people[at % row.people.length]))
    : row.people;
  // What refreshing spends is no one's who is asked about.
  row.chain = row.sessions;
}

async function batched(row, count, make) {
  const made = [];
  while (made.length < count) {
    const size = row.serialSetup ? 1 : Math.min(4, count - made.length);
    const from = made.length;
    made.push(...(await Promise.all(Array.from({ length: size }, (_, at) => make(from + at)))));
  }
  return made;
}

/** What a row does about a session that was ended and a token that was spent: { revokedAfterMs, isRotated }, as far as it can. */
export async function probe(row) {
  return { ...(await probeRevocation(row)), ...(await probeReuse(row)) };
}

async function probeRevocation(row) {
  if (!row.jobs.verify || !row.jobs.revoke) return {};
  const values = await newSession(row);
  await must(row, 'verify', values);
  await must(row, 'revoke', values);
  const from = performance.now();
  while (performance.now() - from < HEARS_MS) {
    if (!(await ask(row, row.jobs.verify, values)).isRight)
      return { revokedAfterMs: Math.round(performance.now() - from) };
    await sleep(20);
  }
  return { revokedAfterMs: null };
}

async function probeReuse(row) {
  if (row.jobs.refresh?.mode !== 'chain') return {};
  const first = await newSession(row);
  const next = await must(row, 'refresh', first);
  return { isRotated: next.refresh !== first.refresh };
}

const newSession = (row) =>
  must(
    row,
    ['session', 'signin'].find((name) => row.jobs[name]),
    row.people[0],
  );
