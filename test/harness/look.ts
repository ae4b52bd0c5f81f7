import pg from 'pg';

/** A look into a service's database, past the service. */
export interface Look {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads the columns it has asked for
  <Row = Record<string, any>>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** How many rows each table holds, save what comes and goes by itself: mail under way, keys. */
  census(): Promise<Record<string, number>>;
  /** The rows themselves of those tables, as text: equal before and after what changes nothing. */
  picture(): Promise<string>;
  /** Every table's rows as text, bytes in hex: what a stolen dump shows. */
  dump(): Promise<string>;
  /** Opens a further connection, for a transaction or a lock of the test's own. */
  another(): Promise<pg.Client>;
  close(): Promise<void>;
}

const RESTLESS = new Set([
  'limit_counters',
  'audit_seals',
  'session_sightings',
  'service_token_sightings',
  'verification_counts',
  'outbox',
  'mail_outbox',
  'signing_keys',
  'alert_cursor',
  'security_alerts',
  'webhook_deliveries',
]);

/** Which rows come when they come: what is gathered and written later. */
const GATHERED =
  "type in ('access.denied', 'token.refused', 'service_token.exchanged', 'token.exchanged', 'service_token.seen')";
const settledRows = (table: string) => (table === 'audit_events' ? `where not (${GATHERED})` : '');

/** Opens a connection of the test's own. */
export async function lookInto(databaseUrl: string): Promise<Look> {
  const open: pg.Client[] = [];
  const another = async () => {
    const client = new pg.Client({ connectionString: databaseUrl });
    // The tests break connections on purpose; their own may be among them.
    client.on('error', () => undefined);
    await client.connect();
    open.push(client);
    return client;
  };
  const client = await another();
  const query = async (sql: string, values: unknown[] = []) =>
    (await client.query(sql, values)).rows as never;
  const tables = async () => {
    const rows: { name: string }[] = await query(
      "select tablename as name from pg_tables where schemaname = 'public' and tablename !~ '^knex' order by 1",
    );
    return rows.map(({ name }) => name);
  };
  const settled = async () => (await tables()).filter((name) => !RESTLESS.has(name));
  const census = async () => {
    const counts: Record<string, number> = {};
    for (const table of await settled()) {
      const [row]: { count: number }[] = await query(
        `select count(*)::int as count from "${table}" ${settledRows(table)}`,
      );
      counts[table] = row?.count ?? 0;
    }
    return counts;
  };
  const rowsOf = async (names: string[], which = (_table: string) => '') => {
    const texts: string[] = [];
    for (const table of names) {
      const rows: { text: string }[] = await query(
        `select t::text as text from "${table}" t ${which(table)} order by 1`,
      );
      texts.push(table, ...rows.map(({ text }) => text));
    }
    return texts.join('\n');
  };
  const dump = async () => rowsOf(await tables());
  const picture = async () => rowsOf(await settled(), settledRows);
  const close = async () => {
    for (const one of open) await one.end().catch(() => undefined);
  };
  return Object.assign(query, { census, picture, dump, another, close });
}
