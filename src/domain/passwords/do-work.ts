import { timingSafeEqual } from 'node:crypto';
import bcrypt from 'bcrypt';
import { hashSideBySide, type Lane } from './bcrypt/side-by-side.js';
import { matchesForeign } from './foreign.js';
import {
  bcryptCost,
  isForeign,
  isPlain,
  lanesIn,
  sharedCost,
  type HashResult,
  type HashWork,
} from './work.js';

/**
 * Does work of one hasher, in this thread: for one that does nothing else, and in a process that does nothing else unless it
 * {@link isForThread}. The results are in the order of the works.
 */
export async function doWork(works: readonly HashWork[]): Promise<HashResult[]> {
  const cost = provenCost(works);
  if (cost !== undefined) return doSideBySide(works, cost);
  const results: HashResult[] = [];
  for (const work of works) results.push(await doAlone(work));
  return results;
}

/**
 * Whether a thread may do it, which cannot be stopped in the middle: nothing is measured, no memory worth mentioning taken, and it is
 * over soon.
 */
export const isForThread = (works: readonly HashWork[]): boolean =>
  works.every(isPlain) || (!works.some(isForeign) && provenCost(works) !== undefined);

/** The cost of what is done side by side; undefined where it is done one by one. */
function provenCost(works: readonly HashWork[]): number | undefined {
  const cost = sharedCost(works);
  return cost !== undefined && isProven(lanesIn(works)) ? cost : undefined;
}

async function doSideBySide(works: readonly HashWork[], cost: number): Promise<HashResult[]> {
  const lanes = works.map((work) => lanesOf(work, cost));
  const hashes = hashSideBySide(lanes.flat(), cost);
  const results: HashResult[] = [];
  for (const [nth, work] of works.entries())
    results.push(await resultOf(work, hashes.splice(0, lanes[nth]?.length)));
  return results;
}

/** What is foreign fills lanes with a decoy: it takes no less than one of ours, and goes beside others as one of ours does. */
function lanesOf(work: HashWork, cost: number): Lane[] {
  if (work.kind === 'make') return [{ input: work.input, setting: bcrypt.genSaltSync(cost) }];
  const setting = isForeign(work) ? decoyOf(cost) : asNodeNames(work.hash);
  return work.inputs.map((input) => ({ input, setting }));
}

async function resultOf(work: HashWork, made: readonly string[]): Promise<HashResult> {
  if (work.kind === 'make') return String(made[0]);
  if (isForeign(work)) return matchesAny(work.inputs, work.hash);
  return made.some((hash) => isSame(hash, asNodeNames(work.hash)));
}

const isSame = (made: string, known: string) =>
  made.length === known.length && timingSafeEqual(Buffer.from(made), Buffer.from(known));

/** The least that bcrypt has. */
const LEAST_COST = 4;

const proofs = new Map<number, boolean>();

/** Whether so many are hashed side by side as the library hashes them, on this processor; where they are not, they go one by one. */
function isProven(count: number): boolean {
  const isGood = proofs.get(count) ?? prove(count);
  proofs.set(count, isGood);
  return isGood;
}

function prove(count: number): boolean {
  try {
    const inputs = Array.from({ length: count }, (_, nth) => `${nth} of ${count}`);
    const lanes = inputs.map((input) => ({ input, setting: bcrypt.genSaltSync(LEAST_COST) }));
    const expected = lanes.map(({ input, setting }) => bcrypt.hashSync(input, setting));
    return hashSideBySide(lanes, LEAST_COST).every((hash, nth) => hash === expected[nth]);
  } catch {
    return false;
  }
}

async function doAlone(work: HashWork): Promise<HashResult> {
  if (work.kind === 'make') return bcrypt.hashSync(work.input, work.cost);
  const { inputs, hash, cost } = work;
  const startedAt = cpuMs();
  if (await matchesAny(inputs, hash)) return true;
  if ((bcryptCost(hash) ?? 0) < cost) fillUp(startedAt + (await millisecondsOf(cost, inputs.length)));
  return false;
}

/** $2y$ is what PHP calls $2b$. */
const asNodeNames = (hash: string) => hash.replace(/^\$2y/, '$2b');

async function matchesAny(inputs: readonly string[], hash: string): Promise<boolean> {
  const isBcrypt = bcryptCost(hash) !== undefined;
  const matches = (input: string) =>
    isBcrypt ? bcrypt.compareSync(input, asNodeNames(hash)) : matchesForeign(input, hash);
  for (const input of inputs) if (await matches(input)) return true;
  return false;
}

/** Processor time of this process, which does not count the waiting for others. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const SAMPLE_COST = 8;
const samples = new Map<number, number>();

/** What a wrong password takes here in so many spellings behind a hash of this cost, worked out from a cheaper one. */
async function millisecondsOf(cost: number, spellings: number): Promise<number> {
  const sampleMs = samples.get(spellings) ?? (await sample(spellings));
  samples.set(spellings, sampleMs);
  return sampleMs * 2 ** (cost - SAMPLE_COST);
}

/** The least of a few: a busy machine can only make one longer. */
async function sample(spellings: number): Promise<number> {
  const inputs = Array.from({ length: spellings }, () => '');
  const tries: number[] = [];
  while (tries.length < 4) {
    const startedAt = cpuMs();
    await doWork([{ kind: 'check', inputs, hash: decoyOf(SAMPLE_COST), cost: SAMPLE_COST }]);
    tries.push(cpuMs() - startedAt);
  }
  return Math.min(...tries);
}

/** A hash of this cost that no password is known to have. */
const decoyOf = (cost: number) => `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;
const STEP = decoyOf(LEAST_COST);

/** A wrong password behind a cheap hash must not tell, by a quick answer, that there is such an account. */
function fillUp(untilMs: number): void {
  while (cpuMs() < untilMs) bcrypt.compareSync('', STEP);
}
