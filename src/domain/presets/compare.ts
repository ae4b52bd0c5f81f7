/** What can be compared of an item; what is not said does not count. */
interface Comparable {
  rank?: number | undefined;
  description?: string | null | undefined;
  permissions?: readonly string[] | undefined;
}

/** How what is stored differs from what a preset wants. */
export interface Gap {
  /** Wanted values of the columns that are others. */
  columns: { rank?: number; description?: string | null };
  lacks: string[];
  /** Permissions beyond those wanted, which are never taken away. */
  also: string[];
}

/** What of a gap is to be closed. */
export type Change = Pick<Gap, 'columns' | 'lacks'>;

/** What became of one item of a preset. */
export interface Outcome {
  /** Such as "role PROVIDER". */
  item: string;
  /** `kept`: it was there and differs, and was left as it is. */
  what: 'created' | 'changed' | 'unchanged' | 'kept';
  /** What was changed, or in what it differs. */
  how?: string;
}

/** Holds what is stored against what is wanted. */
export function compare(stored: Comparable, wanted: Comparable): Gap {
  const [held, named] = [stored.permissions ?? [], wanted.permissions ?? []];
  const { rank, description } = wanted;
  return {
    columns: {
      ...(rank !== undefined && rank !== stored.rank ? { rank } : {}),
      ...(description !== undefined && description !== stored.description ? { description } : {}),
    },
    lacks: [...new Set(named)].filter((name) => !held.includes(name)).sort(),
    also: held.filter((name) => !named.includes(name)),
  };
}

/** Closes as much of a gap as is wished, by `write`, and says what was done or left. */
export async function close(
  item: string,
  gap: Gap,
  { adds, updates }: { adds: boolean; updates: boolean },
  write: (change: Change) => Promise<unknown>,
): Promise<Outcome> {
  const change = { columns: updates ? gap.columns : {}, lacks: adds || updates ? gap.lacks : [] };
  const done = [...changed(change.columns), ...list('now carries', change.lacks)];
  if (done.length > 0) await write(change);
  if (done.length > 0) return { item, what: 'changed', how: done.join('; ') };
  const left = [...differs(gap.columns), ...list('lacks', gap.lacks), ...list('also carries', gap.also)];
  return left.length > 0 ? { item, what: 'kept', how: left.join('; ') } : { item, what: 'unchanged' };
}

const list = (verb: string, names: readonly string[]) =>
  names.length > 0 ? [`${verb} ${names.join(', ')}`] : [];

const changed = ({ rank, description }: Gap['columns']) => [
  ...(rank === undefined ? [] : [`now has rank ${rank}`]),
  ...(description === undefined ? [] : ['now has this description']),
];

const differs = ({ rank, description }: Gap['columns']) => [
  ...(rank === undefined ? [] : [`has another rank than ${rank}`]),
  ...(description === undefined ? [] : ['has another description']),
];
