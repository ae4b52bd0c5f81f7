// When the fault is over: the ledger against the service and against the database.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { call, insist } from './client.mjs';
import { each, oneOf, sleep, until } from './processes.mjs';

const AUDIT = fileURLToPath(new URL('../../dist/src/audit-verify.js', import.meta.url));
const HEARD_MS = 1200;
/** How long anybody may take to answer, in the end. */
const PATIENCE_MS = 10_000;
const MOST_TOKENS = 400;
const MOST_SESSIONS = 60;
const MOST_PASSWORDS = 5;
/** How many are asked about at a time. */
const WIDTH = 8;

/** Compares everything that was acknowledged; what is not so is a violation in the ledger. */
export async function settle({ ledger, replicas, proxy, postgres, people, env }) {
  await until('every replica is ready', async () => {
    const ready = await Promise.all(replicas.map((replica) => replica.isReady()));
    return ready.every(Boolean) && proxy.allReady();
  });
  await sleep(HEARD_MS);
  await compareDatabase(ledger, postgres);
  await refused(ledger, replicas);
  await alive(ledger, replicas, people);
  const known = [...ledger.accounts.values()].filter(({ next }) => !next).slice(-MOST_PASSWORDS);
  await each(known, WIDTH, async (account) => {
    if (!(await people.signIn(account))) ledger.lost.push(`the password of ${account.username}`);
  });
  await verifyRecord(ledger, env, replicas[0].folder);
}

async function compareDatabase(ledger, postgres) {
  const { rows: users } = await postgres.query(`
    select u.id, coalesce(array_agg(r.name order by r.name) filter (where r.name is not null), '{}') as roles
    from users u left join user_roles m on m.user_id = u.id left join roles r on r.id = m.role_id group by u.id`);
  const found = new Map(users.map(({ id, roles }) => [id, roles]));
  for (const { id, username, roles, isRoleOpen } of ledger.accounts.values()) {
    if (!found.has(id)) ledger.lost.push(`the account ${username}`);
    else if (roles && !isRoleOpen && roles.some((name) => !found.get(id).includes(name)))
      ledger.lost.push(`the role of ${username}`);
    else if (roles?.length === 0 && !isRoleOpen && found.get(id).includes('STAFF'))
      ledger.lost.push(`the end of the role of ${username}`);
  }
  const { rows: sessions } = await postgres.query(
    'select id, end_reason from sessions where ended_at is not null',
  );
  const ended = new Map(sessions.map(({ id, end_reason: reason }) => [id, reason]));
  for (const { sessionId } of ledger.revoked)
    if (!ended.has(sessionId)) ledger.lost.push(`the end of the session ${sessionId}`);
  for (const [id, { username }] of ledger.honest)
    if (ended.has(id)) ledger.honestRevoked.push(`the session of ${username} was ended: ${ended.get(id)}`);
  const { rows } = await postgres.query(
    "select subject as id from audit_events where type = 'account.created'",
  );
  const recorded = new Set(rows.map(({ id }) => id));
  for (const { id, username } of ledger.accounts.values())
    if (!recorded.has(id)) ledger.lost.push(`the record of the account ${username}`);
}

/** Each replica refuses what was ended. */
async function refused(ledger, replicas) {
  const ended = ledger.revoked.slice(-MOST_TOKENS);
  const questions = replicas.flatMap(({ url, name }) => ended.map(({ token }) => ({ url, name, token })));
  await each(questions, WIDTH, async ({ url, name, token }) => {
    const { data, code } = await verify(url, token);
    if (data?.valid) ledger.wrongYes.push(`${name} believes …${token.slice(-8)} in the end`);
    else if (!data) ledger.broken.push(`${name} does not say whether …${token.slice(-8)} is good: ${code}`);
  });
}

/** Each honest client goes on, and is believed everywhere. */
async function alive(ledger, replicas, people) {
  await each([...ledger.honest.values()].slice(-MOST_SESSIONS), WIDTH, async (person) => {
    await people.refresh(person);
    const { url, name } = oneOf(replicas);
    const { data } = await verify(url, person.access);
    if (data?.valid !== true)
      ledger.honestRevoked.push(`${name} refuses ${person.username} in the end: ${data?.reason}`);
  });
}

/** Asks until it is answered: a worker that is just being replaced may hang up. */
function verify(url, token) {
  const from = performance.now();
  return insist(
    () => call(url, 'Verify', { token }),
    () => undefined,
    () => performance.now() - from > PATIENCE_MS,
  );
}

async function verifyRecord(ledger, env, cwd) {
  const options = { cwd, env: { PATH: process.env.PATH, ...env } };
  await new Promise((resolve) =>
    execFile(process.execPath, [AUDIT], options, (error, said, complained) => {
      if (error)
        ledger.broken.push(`audit:verify ended with ${error.code}: ${said}${complained}`.slice(0, 500));
      resolve();
    }),
  );
}
