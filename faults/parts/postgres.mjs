// PostgreSQL servers of the packages that npm installed: one alone, or with a standby that can be promoted.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { USER } from '../../dist/src/db/embedded/cluster.js';
import { nodeOn, urlIn } from './node.mjs';
import { home, until } from './processes.mjs';
import { copyFolder, templateOf } from './template.mjs';

let count = 0;

/**
 * A PostgreSQL and the URL under which it is found, which stays the same when another server takes over.
 * @param more settings besides ours
 * @param isEmpty without what migrations make
 */
export async function openPostgres({ more = {}, env = {}, isEmpty = false } = {}) {
  const current = join(home, `pg${++count}`);
  const state = { primary: undefined, standby: undefined };
  const point = (node) => {
    rmSync(current, { force: true });
    symlinkSync(node.folder, current);
  };
  state.primary = await newNode({ more, env, isEmpty });
  await state.primary.start();
  point(state.primary);
  return {
    url: urlIn(current),
    urlFor: (user) => urlIn(current, user),
    folder: current,
    get primary() {
      return state.primary;
    },
    get standby() {
      return state.standby;
    },
    query: (...args) => state.primary.query(...args),
    /** A copy of the primary that follows it, and that every commit waits for. */
    async addStandby() {
      state.standby = await copyOf(state.primary, { more, env });
      await state.standby.start();
      await until('the standby follows', async () => {
        const { rows } = await state.primary.query(
          "select from pg_stat_replication where state = 'streaming'",
        );
        return rows.length > 0;
      });
      await state.primary.query("alter system set synchronous_standby_names = '*'");
      await state.primary.query('select pg_reload_conf()');
      await until('commits wait for the standby', async () => {
        const { rows } = await state.primary.query(
          "select from pg_stat_replication where sync_state = 'sync'",
        );
        return rows.length > 0;
      });
    },
    /** Makes the standby the primary; the other one, which is gone, never comes back. */
    async promote() {
      const [old, next] = [state.primary, state.standby];
      await next.query('select pg_promote()');
      point(next);
      [state.primary, state.standby] = [next, undefined];
      await old.remove();
    },
    async close() {
      for (const node of [state.standby, state.primary]) await node?.remove();
      unlinkSync(current);
    },
  };
}

async function newNode({ isEmpty, ...options }) {
  const folder = join(home, `n${++count}`);
  await copyFolder(templateOf({ isEmpty }), folder);
  return nodeOn(folder, options);
}

/** What pg_basebackup does, which does not come with the packages. */
async function copyOf(primary, options) {
  const folder = join(home, `n${++count}`);
  const label = await primary.session(async (client) => {
    await client.query("select pg_backup_start('standby', true)");
    // Files that go while they are copied are made anew from the log.
    execFileSync('sh', ['-c', 'cp -a "$0" "$1" 2>/dev/null || true', primary.folder, folder]);
    const { rows } = await client.query('select labelfile from pg_backup_stop()');
    return rows[0].labelfile;
  });
  for (const name of readdirSync(join(folder, 'pg_wal'))) {
    if (/^[0-9A-F]{24}/.test(name)) rmSync(join(folder, 'pg_wal', name));
  }
  for (const name of readdirSync(folder))
    if (/^(postmaster\.|\.s\.PGSQL)/.test(name)) rmSync(join(folder, name));
  writeFileSync(join(folder, 'backup_label'), label);
  writeFileSync(join(folder, 'standby.signal'), '');
  const primary_conninfo = `host=${primary.folder} port=5432 user=${USER} application_name=standby`;
  return nodeOn(folder, {
    ...options,
    more: { ...options.more, primary_conninfo, synchronous_standby_names: '' },
  });
}
