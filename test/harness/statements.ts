import pg from 'pg';

/**
 * Every SQL statement that this process sends while `work` runs, the services under test included. Pollers run on
 * meanwhile: look for the tables that the question is about.
 */
export async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const prototype = pg.Client.prototype as unknown as { query: (...given: unknown[]) => unknown };
  const { query } = prototype;
  prototype.query = function (this: unknown, ...given: unknown[]) {
    const [first] = given;
    seen.push(typeof first === 'string' ? first : ((first as { text?: string } | undefined)?.text ?? ''));
    return query.apply(this, given);
  };
  try {
    await work();
  } finally {
    prototype.query = query;
  }
  return seen.filter((text) => !text.includes(BY_THE_WATCHER));
}

/** The watcher of alerts asks which permissions are the platform's own, whenever roles were given a moment ago; no request does. */
const BY_THE_WATCHER = 'from "permissions" where "built_in" = ';
