import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from './config.js';
import { isOutdated, onDatabase } from './db/command.js';
import { streamEvents, type EventFilter, type StoredEvent } from './domain/audit.js';
import { isUnavailable } from './errors.js';

const USAGE = `Usage: npm run --silent audit:export -- [options] > audit.jsonl
  --from <time>     only what happened at this moment or later, such as 2026-11-22T00:00:00Z
  --to <time>       only what happened before this moment
  --type <type>     only events of this type; may be given several times
  --actor <id>      only what this account or service did
  --subject <id>    only what was done to this account or thing
One JSON object a line, oldest first.`;

/** What the caller got wrong; needs a sentence and no stack. */
class Refusal extends Error {}

function readFilter(): EventFilter {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      type: { type: 'string', multiple: true },
      actor: { type: 'string' },
      subject: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) throw new Refusal(USAGE);
  return {
    occurredAfter: momentOf(values.from),
    occurredBefore: momentOf(values.to),
    types: values.type ?? null,
    actor: values.actor ?? null,
    subject: values.subject ?? null,
  };
}

function momentOf(text: string | undefined): Date | null {
  if (text === undefined) return null;
  if (Number.isNaN(Date.parse(text))) throw new Refusal(USAGE);
  return new Date(text);
}

async function main(): Promise<void> {
  const filter = readFilter();
  const config = loadConfig(process.env);
  await onDatabase(config.data, async (db) => {
    for await (const event of streamEvents(db, filter)) {
      // A reader that is slower than the database is waited for.
      if (!process.stdout.write(lineOf(event))) await once(process.stdout, 'drain');
    }
  });
}

function lineOf(event: StoredEvent): string {
  const { id, occurredAt, type, outcome, actor, subject, ipAddress, userAgent, requestId, details } = event;
  const shown = { id, occurredAt, type, outcome, actor, subject, ipAddress, userAgent, requestId, details };
  return `${JSON.stringify(shown)}\n`;
}

/** What the caller can do about it; other errors show where they come from. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof Refusal || error instanceof ConfigError) return error.message;
  if (code?.startsWith('ERR_PARSE_ARGS') === true) return `${error.message}\n${USAGE}`;
  if (isOutdated(error)) return 'The schema is older than this version; run npm run db:migrate first.';
  if (isUnavailable(error)) return `The database does not answer (${code ?? error.message}).`;
  return error.stack ?? error.message;
}

// `| head` reads no further: that is its right.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 2));
main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 2;
});
