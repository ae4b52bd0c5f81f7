import bcrypt from 'bcrypt';
import { matchesForeign } from './foreign.js';

/** What a hashing process is asked: to make a bcrypt hash, or to check what may be behind a hash of any known form. */
export type HashWork =
  | { readonly kind: 'make'; readonly input: string; readonly cost: number }
  | {
      readonly kind: 'check';
      /** Spellings of one password; any of them may be the right one. */
      readonly inputs: readonly string[];
      readonly hash: string;
      /** bcrypt's cost whose time a wrong password takes at least, however cheap the hash. */
      readonly cost: number;
    };

/** A hash for `make`; for `check` whether an input is behind the hash. */
export type HashResult = string | boolean;

const BCRYPT = /^\$2[aby]\$(\d\d)\$.{53}$/;

/**
 * Whether it is one bcrypt hash of the usual cost, or of the next: nothing is measured, no memory worth mentioning taken, and it is over
 * soon, as a thread in the middle of one cannot be stopped.
 */
export const isPlain = (work: HashWork): boolean =>
  work.kind === 'make' || [work.cost, work.cost + 1].includes(Number(BCRYPT.exec(work.hash)?.[1]));

/** Does the work, in this thread: for one that does nothing else, and in a process that does nothing else unless it {@link isPlain}. */
export async function doWork(work: HashWork): Promise<HashResult> {
  if (work.kind === 'make') return bcrypt.hashSync(work.input, work.cost);
  const { inputs, hash, cost } = work;
  const startedAt = cpuMs();
  for (const input of inputs) if (await matches(input, hash)) return true;
  if (Number(BCRYPT.exec(hash)?.[1] ?? 0) < cost) fillUp(startedAt + millisecondsOf(cost) * inputs.length);
  return false;
}

async function matches(input: string, hash: string): Promise<boolean> {
  // $2y$ is what PHP calls $2b$.
  return BCRYPT.test(hash)
    ? bcrypt.compareSync(input, hash.replace(/^\$2y/, '$2b'))
    : matchesForeign(input, hash);
}

const SAMPLE_COST = 8;
const STEP = `$2b$04$${'.'.repeat(53)}`;
let sampleMs: number | undefined;

/** Processor time of this process, which does not count the waiting for others. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What a hash of this cost takes here, worked out from a cheaper one. */
function millisecondsOf(cost: number): number {
  sampleMs ??= sample();
  return sampleMs * 2 ** (cost - SAMPLE_COST);
}

/** The least of three: a busy machine can only make one longer. */
function sample(): number {
  const once = () => {
    const startedAt = cpuMs();
    bcrypt.compareSync('', `$2b$0${SAMPLE_COST}$${'.'.repeat(53)}`);
    return cpuMs() - startedAt;
  };
  return Math.min(once(), once(), once());
}

/** A wrong password behind a cheap hash must not tell, by a quick answer, that there is such an account. */
function fillUp(untilMs: number): void {
  while (cpuMs() < untilMs) bcrypt.compareSync('', STEP);
}
