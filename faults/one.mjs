// One scenario, in a process of its own: nothing of it is left when it has ended, however it did.
import { describe } from './parts/report.mjs';
import './parts/processes.mjs';

const [name, pace] = process.argv.slice(2);
process.once('disconnect', () => process.exit(1));
const tell = (word) => new Promise((resolve) => process.send(word, resolve));

async function play() {
  const { survives, lacks } = await import(`./scenarios/${name}.mjs`);
  const skipped = await lacks?.();
  if (skipped) return { name, skipped };
  const progress = (at) => void tell({ at });
  return describe(name, await survives({ isQuick: pace === 'quick', progress }));
}

const report = await play().catch((error) => ({ name, failed: error.stack }));
await tell({ report });
process.exit();
