import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';

/** A worker tells its supervisor that it answers requests, and what to say of it to whoever started it all. */
export interface Ready {
  readonly ready: string;
}

/** A supervisor tells a worker to go, as somebody else is in its place. */
export const LEAVE = 'leave';

/** What is supervised. */
export interface Supervision {
  /** How many workers share the port. */
  readonly workers: number;
  readonly log: Logger;
}

/** Workers that share a port. */
export interface Crew {
  /** What the first worker had to say. */
  readonly welcome: string;
  /** Puts a new worker in each one's place, one after another, with nothing cut off. Where one does not come up, the rest stay. */
  renew(): Promise<void>;
  /** Stops all of them. @returns whether each has ended well */
  close(): Promise<boolean>;
}

/** A worker has ended before it was ready, and has said why. */
export class NotStarted extends Error {
  constructor(readonly exitCode: number) {
    super('A worker did not start.');
    this.name = 'NotStarted';
  }
}

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
/** Whoever lived for less has failed at once: its successors wait longer and longer. */
const SOON_MS = 10_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** A worker gives itself less than this to stop. */
const STOP_MS = 18_000;

interface State extends Supervision {
  readonly crew: Set<Worker>;
  /** Those who were told to go. */
  readonly leaving: Set<Worker>;
  isStopping: () => boolean;
}

/**
 * Starts workers: the first alone, as it migrates the database and makes the first owner, then the others at once. One
 * that ends without having been told to is replaced.
 * @throws {NotStarted} when the first does not come up
 */
export async function openCrew(supervision: Supervision): Promise<Crew> {
  cluster.setupPrimary({ exec: MAIN, execArgv: ['--enable-source-maps'] });
  let isStopping = false;
  const state: State = {
    ...supervision,
    crew: new Set(),
    leaving: new Set(),
    isStopping: () => isStopping,
  };
  const first = await hire(state);
  keep(state, first.worker, 0);
  await Promise.all(Array.from({ length: supervision.workers - 1 }, () => fill(state, 0)));
  let renewing: Promise<void> | undefined;
  const renew = () => (renewing ??= renewAll(state).finally(() => (renewing = undefined)));
  const close = async () => {
    isStopping = true;
    const codes = await Promise.all([...state.crew].map((worker) => dismiss(state, worker)));
    return codes.every((code) => code === 0);
  };
  return { welcome: first.welcome, renew, close };
}

/** @throws {NotStarted} */
function hire({ crew }: State): Promise<{ worker: Worker; welcome: string }> {
  const worker = cluster.fork();
  crew.add(worker);
  return new Promise((resolve, reject) => {
    worker.on('message', (word: Partial<Ready>) => {
      if (word.ready !== undefined) resolve({ worker, welcome: word.ready });
    });
    worker.once('exit', (code: number | null) => {
      crew.delete(worker);
      reject(new NotStarted(code ?? 1));
    });
  });
}

/** Sees to it that somebody follows when this one ends. @param failures how many before it have failed at once */
function keep(state: State, worker: Worker, failures: number): void {
  const since = performance.now();
  worker.once('exit', (code: number | null, signal: string | null) => {
    if (state.isStopping() || state.leaving.delete(worker)) return;
    state.log.error(
      { worker: worker.process.pid, code, signal },
      'a worker has ended; another takes its place',
    );
    void fill(state, performance.now() - since < SOON_MS ? failures + 1 : 0);
  });
}

/** Has one more worker, however many tries it takes. */
async function fill(state: State, failures: number): Promise<void> {
  if (failures > 0) await delay(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures));
  if (state.isStopping()) return;
  try {
    keep(state, (await hire(state)).worker, failures);
  } catch (error) {
    if (!state.isStopping())
      state.log.error({ err: error }, 'a worker did not start; it will be tried again');
    await fill(state, failures + 1);
  }
}

async function renewAll(state: State): Promise<void> {
  // Whoever leaves takes its time; the next one comes up meanwhile.
  const leaving: Promise<unknown>[] = [];
  try {
    for (const old of [...state.crew]) {
      keep(state, (await hire(state)).worker, 0);
      leaving.push(dismiss(state, old, LEAVE));
    }
    state.log.info({ workers: leaving.length }, 'every worker was replaced');
  } catch (error) {
    state.log.error({ err: error }, 'the new worker did not start; the ones before go on');
  }
  // Until then they are of the crew, and whoever counts it would replace them once more.
  await Promise.all(leaving);
}

/** Tells a worker to stop, or to leave its place to another, and waits for it. @returns its exit code; null when it was killed */
async function dismiss({ leaving }: State, worker: Worker, word?: typeof LEAVE): Promise<number | null> {
  if (worker.isDead()) return worker.process.exitCode;
  leaving.add(worker);
  const ended = new Promise<number | null>((resolve) => worker.once('exit', resolve));
  // One that is just ending hears nothing, and that is no error of its supervisor's.
  if (word) worker.send(word, () => undefined);
  else worker.process.kill('SIGTERM');
  const timer = setTimeout(() => worker.process.kill('SIGKILL'), STOP_MS);
  const code = await ended;
  clearTimeout(timer);
  return code;
}
