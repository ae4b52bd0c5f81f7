// The version before the newest migration and this one side by side on one schema, as during every upgrade: both ways of
// replacing replicas, and back again.
import { execFileSync, spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openPostgres } from '../parts/postgres.mjs';
import { folderFor, sleep } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const git = (...words) =>
  execFileSync('git', ['-C', ROOT, ...words], { encoding: 'utf8', stdio: 'pipe' }).trim();

/** The commit before the one that brought the newest migration. */
function before() {
  const [newest] = git('log', '--diff-filter=A', '--format=%H', '--', 'migrations').split('\n');
  return git('rev-parse', `${newest}~1`);
}

export function lacks() {
  try {
    return before() ? undefined : 'no history';
  } catch {
    return 'no history of git that goes back to the version before';
  }
}

export async function survives({ isQuick, progress }) {
  const rounds = isQuick ? 1 : 3;
  progress('the version before is built');
  const main = build(before());
  // The version before makes its own schema.
  const postgres = await openPostgres({ isEmpty: true });
  const stage = await setStage({ postgres, program: { main } });
  const { ledger, replicas } = stage;
  try {
    await stage.startLoad();
    const become = async (replica, program, signal) => {
      await replica.end(signal);
      ledger.kills++;
      await replica.start({ main: program });
      await sleep(isQuick ? 700 : 1500);
    };
    for (let round = 1; round <= rounds; round++) {
      progress(`${round} of ${rounds}`);
      // The first of this version migrates while the other one goes on.
      for (const replica of replicas) await become(replica, MAIN, 'SIGTERM');
      await become(replicas[0], main, 'SIGKILL');
      await become(replicas[0], MAIN, 'SIGTERM');
      if (round < rounds) for (const replica of replicas) await become(replica, main, 'SIGTERM');
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}

const MAIN = join(ROOT, 'dist/src/main.js');

/** @returns its program */
function build(commit) {
  const folder = folderFor('before');
  const archive = execFileSync('git', ['-C', ROOT, 'archive', commit], { maxBuffer: 1 << 29 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const tsc = join(ROOT, 'node_modules/typescript/lib/tsc.js');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noCheck'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`The version before cannot be built:\n${stdout}`);
  return join(folder, 'dist/src/main.js');
}
