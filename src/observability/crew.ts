import cluster, { type Worker } from 'node:cluster';
import { servePage, type Page } from './page.js';

/** What a supervisor asks its workers, and what they answer: each its own page. */
interface Asked {
  readonly metricsAsked: number;
}
interface Answered extends Asked {
  readonly page: string;
}

const isAsked = (word: unknown): word is Asked =>
  typeof word === 'object' && word !== null && 'metricsAsked' in word;
const isAnswered = (word: unknown): word is Answered => isAsked(word) && 'page' in word;

/** Has a worker answer its supervisor, who has the port. */
export function answerSupervisor(
  worker: Worker,
  write: () => Promise<string>,
): Omit<Page, 'url'> & { url: undefined } {
  const answer = (word: unknown) => {
    if (!isAsked(word)) return;
    const { metricsAsked } = word;
    write().then(
      (page) => process.send?.({ metricsAsked, page } satisfies Answered),
      () => undefined,
    );
  };
  worker.on('message', answer);
  return {
    url: undefined,
    close() {
      worker.off('message', answer);
      return Promise.resolve();
    },
  };
}

/** A worker that has not answered by then, as it starts or hangs, is left out; in milliseconds. */
const PATIENCE_MS = 1000;

/** Serves the numbers of all workers as one page, on which each has a `worker` label. @throws when the port is taken */
export function serveCrew(at: { port: number; host: string }): Promise<Page> {
  const places = new Map<number, number>();
  let count = 0;
  return servePage(at, async () => {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    place(places, workers);
    const number = ++count;
    const pages = await Promise.all(
      workers.map(async (worker) => [places.get(worker.id) ?? 0, await ask(worker, number)] as const),
    );
    return merge(pages);
  });
}

/** Workers are numbered from 1; who takes the place of another has its number, so that there are not ever more of them. */
function place(places: Map<number, number>, workers: readonly Worker[]): void {
  const ids = new Set(workers.map(({ id }) => id));
  for (const id of places.keys()) if (!ids.has(id)) places.delete(id);
  for (const id of ids) {
    if (places.has(id)) continue;
    const taken = new Set(places.values());
    let free = 1;
    while (taken.has(free)) free++;
    places.set(id, free);
  }
}

function ask(worker: Worker, number: number): Promise<string> {
  return new Promise((resolve) => {
    const done = (page: string) => {
      clearTimeout(timer);
      worker.off('message', hear);
      resolve(page);
    };
    const hear = (word: unknown) => {
      if (isAnswered(word) && word.metricsAsked === number) done(word.page);
    };
    const timer = setTimeout(() => done(''), PATIENCE_MS);
    worker.on('message', hear);
    // One that has ended meanwhile is left out like one that is silent.
    worker.send({ metricsAsked: number } satisfies Asked, () => undefined);
  });
}

/** One page out of many: each metric described once, its numbers told apart by a label. */
function merge(pages: readonly (readonly [number, string])[]): string {
  const sections = new Map<string, string[]>();
  for (const [worker, page] of pages)
    for (const block of page.split(/\n+(?=# HELP )/).filter((one) => one.startsWith('# HELP '))) {
      const [help = '', type = '', ...samples] = block.trim().split('\n');
      const head = `${help}\n${type}`;
      const lines = sections.get(head) ?? [];
      sections.set(head, lines);
      lines.push(...samples.map((line) => labelled(line, worker)));
    }
  return [...sections].map(([head, lines]) => `${[head, ...lines].join('\n')}\n`).join('\n');
}

const labelled = (line: string, worker: number) =>
  line.replace(/^([\w:]+)(\{)?/, (_all, name: string, brace?: string) =>
    brace === undefined ? `${name}{worker="${worker}"}` : `${name}{worker="${worker}",`,
  );
