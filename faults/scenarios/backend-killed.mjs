// PostgreSQL's process is killed while it carries out an act, right before the commit; and any of them, any time, under load.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { call, insist } from '../parts/client.mjs';
import { newcomer, openPeople } from '../parts/load.mjs';
import { childrenOf, oneOf, signal, sleep, until } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

const GATE = 4712;

export async function survives({ isQuick, progress }) {
  const [rounds, kills, crashes] = isQuick ? [1, 8, 1] : [20, 60, 5];
  const stage = await setStage();
  const { ledger, postgres, proxy, replicas } = stage;
  const people = openPeople({ url: proxy.url, ledger });
  try {
    await atTheRecord(stage, people, rounds, progress);
    await stage.startLoad();
    for (let kill = 1; kill <= kills; kill++) {
      progress(`any backend, ${kill} of ${kills}`);
      await sleep(100 + Math.random() * 200);
      const chosen = `select pg_terminate_backend(pid) from (select pid from pg_stat_activity
        where application_name like 'authgraph%' order by (state = 'idle')::int, random() limit 1) one`;
      ledger.kills += (await postgres.query(chosen)).rowCount;
    }
    for (let crash = 1; crash <= crashes; crash++) {
      progress(`all backends, ${crash} of ${crashes}`);
      await sleep(1000);
      const back = ledger.outage();
      signal(oneOf(childrenOf(postgres.primary.pid)), 'SIGKILL');
      ledger.kills++;
      await until('it has recovered', () => postgres.query('select 1').then(Boolean, () => false));
      await until('all are ready', async () =>
        (await Promise.all(replicas.map((one) => one.isReady()))).every(Boolean),
      );
      back();
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}

/** Holds whoever writes to the record, kills them there, and lets their next try through. */
async function atTheRecord({ postgres, ledger, replicas }, people, rounds, progress) {
  await postgres.query(`create function wait_at_the_gate() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock(${GATE}); return new; end $$`);
  await postgres.query(
    'create trigger gate before insert on audit_events for each row execute function wait_at_the_gate()',
  );
  const admin = await people.ownerOf();
  for (let round = 1; round <= rounds; round++) {
    const ana = await people.signUp();
    const account = ledger.accounts.get(ana.id);
    const acts = {
      'sign-up': () => people.signUp(),
      refresh: () => people.refresh(ana),
      'two refreshes': () => people.refresh(ana, 2),
      'role change': () => people.setRoles(admin, account, [['STAFF'], []][round % 2], admin.roleIds),
      'password change': () => people.changePassword(ana),
      revocation: () => people.revoke(ana),
      reset: await resetOf(people, ledger, replicas),
    };
    for (const [name, act] of Object.entries(acts)) {
      progress(`at the record of a ${name}, ${round} of ${rounds}`);
      await postgres.primary.session(async (gate) => {
        await gate.query('select pg_advisory_lock($1)', [GATE]);
        const acting = act();
        await until(`somebody waits at the record of a ${name}`, async () => {
          const waiting = `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = ${GATE} and not granted`;
          return (await gate.query(waiting)).rowCount > 0;
        });
        ledger.kills++;
        await gate.query('select pg_advisory_unlock($1)', [GATE]);
        await acting;
      });
    }
  }
  await postgres.query('drop trigger gate on audit_events');
}

/** Somebody who has forgotten the password and has the link. */
async function resetOf(people, ledger, replicas) {
  const person = await people.signUp(newcomer());
  await people.ask('Forgot', { email: person.email });
  const token = await until('the link has come', () => linkTo(person.email, replicas));
  return async () => {
    const next = `nine-red-Candles-${person.username}`;
    // By the reset every session of the account ends.
    ledger.honest.delete(person.sessionId);
    const answer = await insist(() => call(people.url, 'Reset', { token, new: next }), ledger.seen);
    if (!answer.data) return void ledger.broken.push(`${person.username} cannot reset: ${answer.code}`);
    ledger.acknowledge('reset');
    ledger.revoke(person.sessionId, person.access);
    ledger.accounts.get(person.id).password = next;
    await people.signIn({ ...person, password: next });
  };
}

function linkTo(email, replicas) {
  for (const { folder } of replicas)
    for (const file of readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.eml'))) {
      const text = readFileSync(join(folder, file), 'utf8')
        .replace(/=\r?\n/g, '')
        .replace(/=3D/g, '=');
      const token = /\/reset-password\?token=([A-Za-z0-9_-]{43})\b/.exec(text)?.[1];
      if (token && text.includes(email)) return token;
    }
  return undefined;
}
