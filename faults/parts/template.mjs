// Data folders of PostgreSQL that the servers of all scenarios are copied from, made once a run: initdb and migrations take longer
// than most faults.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findBinaries } from '../../dist/src/db/embedded/binaries.js';
import { ensureCluster } from '../../dist/src/db/embedded/cluster.js';
import { migrate } from '../../dist/src/db/migrate.js';
import { nodeOn } from './node.mjs';
import { folderFor } from './processes.mjs';

const run = promisify(execFile);
/** Each scenario has a process of its own; this tells it where they are. */
const VARIABLE = 'FAULTS_TEMPLATES';

/** Copies a data folder, with its owner and its rights. */
export const copyFolder = (from, to) => run('cp', ['-a', from, to]);

/** Makes one that initdb has just left, and one that was migrated. @returns variables for the processes of scenarios */
export async function makeTemplates() {
  const folder = folderFor('templates');
  const empty = join(folder, 'empty');
  await ensureCluster(empty, findBinaries(), false);
  process.env[VARIABLE] = folder;
  await copyFolder(empty, join(folder, 'migrated'));
  const node = nodeOn(join(folder, 'migrated'));
  await node.start();
  await migrate(node.url);
  await node.stop();
  return { [VARIABLE]: folder };
}

/** @param isEmpty without what migrations make */
export const templateOf = ({ isEmpty = false } = {}) =>
  join(process.env[VARIABLE], isEmpty ? 'empty' : 'migrated');
