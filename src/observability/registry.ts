import prom, { type Metric } from 'prom-client';
import type { Family } from './families.js';

/** What writes the page. */
export interface Registry {
  text(): Promise<string>;
}

// One for the process, however many services run in it: its collectors cannot be stopped.
let ofProcess: prom.Registry | undefined;

function processRegistry(): prom.Registry {
  if (!ofProcess) {
    ofProcess = new prom.Registry();
    prom.collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

/** The families, and what is known of the process: processor time, memory, event loop, garbage collection. */
export function openRegistry(families: readonly Family[]): Registry {
  const own = new prom.Registry();
  // It asks a metric for its name and for what `get` answers, and for nothing else.
  for (const family of families) own.registerMetric(family as unknown as Metric);
  return {
    text: async () => `${await own.metrics()}\n${await processRegistry().metrics()}`,
  };
}
