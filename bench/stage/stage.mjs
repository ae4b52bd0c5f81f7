// Where a bench happens: a folder and stores that are gone afterwards.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { step } from './progress.mjs';
import { openStores } from './stores.mjs';

/** Runs `work` with { dir, stores, progress }. @param options { postgres?, redis? }; see {@link openStores} */
export async function onStage(options, work) {
  const dir = mkdtempSync(join(tmpdir(), 'authgraph-bench-'));
  // After the stores have been told to end, who tidy up on exit as well.
  const remove = () => rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  const stores = await openStores({ ...options, dir }).finally(() => process.once('exit', remove));
  try {
    return await work({ dir, stores, progress: step });
  } finally {
    await stores.stop();
  }
}
