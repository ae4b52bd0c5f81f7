import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from './config.js';
import { isOutdated, onDatabase } from './db/command.js';
import { verifyRecord, type Verified } from './domain/ledger.js';
import { isUnavailable } from './errors.js';

const USAGE = `Usage: npm run audit:verify -- [options]
  --anchor <seq:digest>     a seal's name as it was logged: it must still be there; may be given several times
  --unsigned-until <time>   events without a signature sealed before this moment are right: an earlier version of the
                            service, which signed none, was still running beside this one`;

/** What the caller got wrong; needs a sentence and no stack. */
class Refusal extends Error {}

function readOptions() {
  const { values } = parseArgs({
    options: {
      anchor: { type: 'string', multiple: true, default: [] },
      'unsigned-until': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const until = values['unsigned-until'];
  if (values.help || values.anchor.some((anchor) => !/^(\d+:)?[0-9a-f]{64}$/.test(anchor)))
    throw new Refusal(USAGE);
  if (until !== undefined && Number.isNaN(Date.parse(until))) throw new Refusal(USAGE);
  return { anchors: values.anchor, unsignedUntil: until === undefined ? undefined : new Date(until) };
}

async function main(): Promise<void> {
  const options = readOptions();
  const config = loadConfig(process.env);
  const verified = await onDatabase(config.data, (db) =>
    verifyRecord(db, config.encryptionKeys, {
      ...options,
      report: (finding) => process.stdout.write(`${finding}\n`),
      progress: (events) => process.stderr.write(`${events} events looked at …\n`),
    }),
  );
  process.stderr.write(`${summary(verified)}\n`);
  process.exitCode = verified.findings > 0 ? 1 : 0;
}

function summary({ findings, events, seals, unsealed, anchor }: Verified): string {
  const seen = `${events} events under ${seals} seals, ${unsealed} not sealed yet`;
  const verdict = findings === 0 ? 'The audit record is as it was written' : `Findings: ${findings}`;
  return `${verdict} (${seen}).${anchor === undefined ? '' : `\nLast seal: ${anchor}`}`;
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

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 2;
});
