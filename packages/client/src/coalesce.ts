/** One question that waits, and whom to tell. */
interface Waiting<Q, A> {
  readonly question: Q;
  readonly size: number;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/** What a batch is made of. */
export interface Coalescing<Q, A> {
  /** Questions with the same key are one question, while they wait. */
  readonly keyOf: (question: Q) => string;
  /** In characters; a batch holds no more than {@link MOST_CHARACTERS}. */
  readonly sizeOf: (question: Q) => number;
  /** Whether an error is about one of the questions, and none of the others'. */
  readonly isOfOne: (error: unknown) => boolean;
  /** Answers in the order of the questions. */
  readonly ask: (questions: readonly Q[]) => Promise<readonly A[]>;
}

/** The service takes so many questions at once. */
const MOST_AT_ONCE = 100;
/** The service reads bodies of up to 100 KiB; the rest is room for the query itself. */
const MOST_CHARACTERS = 90_000;
/** While so many batches are out, questions gather for the next. */
const MOST_OUT = 8;

/**
 * Questions that come at about the same time go out together, and the same one once. A question never shares an answer that
 * was asked for before it came: that one may be older than a revocation.
 * @returns how to ask one
 */
export function coalesce<Q, A>({
  keyOf,
  sizeOf,
  isOfOne,
  ask,
}: Coalescing<Q, A>): (question: Q) => Promise<A> {
  const shared = new Map<string, Promise<A>>();
  const queue: Waiting<Q, A>[] = [];
  let [out, isDue] = [0, false];

  /** Half and half again, until whoever asked what cannot be answered stands alone. */
  const settle = async (batch: readonly Waiting<Q, A>[]): Promise<void> => {
    try {
      const answers = await ask(batch.map(({ question }) => question));
      if (answers.length !== batch.length) throw new Error('The auth service left questions unanswered.');
      batch.forEach(({ resolve }, at) => resolve(answers[at] as A));
    } catch (error) {
      const half = batch.length >> 1;
      if (half > 0 && isOfOne(error))
        await Promise.all([settle(batch.slice(0, half)), settle(batch.slice(half))]);
      else for (const { reject } of batch) reject(error);
    }
  };
  const flush = () => {
    isDue = false;
    while (queue.length > 0 && out < MOST_OUT) {
      out++;
      const batch = queue.splice(0, countOf(queue));
      for (const { question } of batch) shared.delete(keyOf(question));
      void settle(batch).then(() => {
        out--;
        schedule();
      });
    }
  };
  const schedule = () => {
    if (isDue || queue.length === 0 || out >= MOST_OUT) return;
    isDue = true;
    setImmediate(flush);
  };
  return (question) => {
    const key = keyOf(question);
    const known = shared.get(key);
    if (known) return known;
    const promise = new Promise<A>((resolve, reject) =>
      queue.push({ question, size: sizeOf(question), resolve, reject }),
    );
    shared.set(key, promise);
    schedule();
    return promise;
  };
}

/** How many of these fit into one batch; at least one. */
function countOf(queue: readonly { readonly size: number }[]): number {
  let size = 0;
  const over = queue.findIndex((one, at) => (size += one.size) > MOST_CHARACTERS && at > 0);
  return Math.min(over < 0 ? queue.length : over, MOST_AT_ONCE);
}
