/** What a hasher is asked: to make a bcrypt hash, or to check what may be behind a hash of any known form. */
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

/** How many hashes a thread makes side by side: with a fourth, a processor runs out of registers, and each would take longer. */
const LANES = 3;

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** The cost of a bcrypt hash; undefined for any other. */
export function bcryptCost(hash: string): number | undefined {
  const [, cost] = BCRYPT.exec(hash) ?? [];
  return cost === undefined ? undefined : Number(cost);
}

/** Whether it makes a hash, or checks a bcrypt hash of the usual cost or of the next. */
export const isPlain = (work: HashWork): boolean =>
  work.kind === 'make' || [work.cost, work.cost + 1].includes(bcryptCost(work.hash) ?? 0);

/** Whether it is to check a hash of another kind than bcrypt. */
export const isForeign = (work: HashWork): boolean =>
  work.kind === 'check' && bcryptCost(work.hash) === undefined;

/** How many hashes these are. */
export const lanesIn = (works: readonly HashWork[]): number =>
  works.reduce((sum, work) => sum + (work.kind === 'make' ? 1 : work.inputs.length), 0);

/**
 * The cost at which it goes beside others of the same; undefined for what goes alone. What is cheaper goes at the cost of ours, or
 * whoever sends several at once would see that it goes by itself.
 */
function laneCost(work: HashWork): number | undefined {
  if (work.kind === 'make') return work.cost;
  const own = bcryptCost(work.hash) ?? 0;
  return own > work.cost + 1 ? undefined : Math.max(own, work.cost);
}

/** The cost at which several hashes are made side by side; undefined where they cannot be, and for one of another kind that nobody goes with. */
export function sharedCost(works: readonly HashWork[]): number | undefined {
  const [cost, ...others] = new Set(works.map(laneCost));
  const lanes = lanesIn(works);
  const isAlone = works.length === 1 && works.some(isForeign);
  return others.length === 0 && lanes > 1 && lanes <= LANES && !isAlone ? cost : undefined;
}

/** What is to be hashed, and how often that was tried. */
interface Waiting {
  readonly work: HashWork;
  readonly tries: number;
}

/**
 * Takes from those who wait what one hasher does next: the first, and as they come those whose hashes go side by side with it. What has
 * failed before goes alone, so that it takes nobody along.
 */
export function takeTogether<T extends Waiting>(waiting: T[]): T[] {
  const taken: T[] = [];
  for (const next of waiting) {
    if (mayGo([...taken, next])) taken.push(next);
    if (lanesIn(taken.map(({ work }) => work)) >= LANES) break;
  }
  for (const one of taken) waiting.splice(waiting.indexOf(one), 1);
  return taken;
}

const mayGo = (some: readonly Waiting[]) =>
  some.length === 1 ||
  (some.every(({ tries }) => tries === 0) && sharedCost(some.map(({ work }) => work)) !== undefined);
