import { createReadStream, readFileSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig, type Config } from './config.js';
import { intoDatabase } from './db/command.js';
import { signWith } from './domain/audit.js';
import {
  firebaseConfigShape,
  FORMATS,
  importAccounts,
  ImportUnderWay,
  type FirebaseConfig,
  type Format,
  type Imported,
  type Source,
} from './domain/imports.js';
import { isUnavailable } from './errors.js';

const USAGE = `Usage: npm run users:import -- <file.jsonl> [options]
  --from <system>           how the lines are written: ${FORMATS.join(', ')}; authgraph unless said otherwise
  --firebase-config <path>  the project's hash parameters as JSON; needed with --from firebase
  --report <path>           write every refused line there, as JSON: its number and the reason
Running it again goes on where it ended and tries the refused lines once more. See docs/import.md.`;

/** Refused lines that are told on the terminal; all of them are in the report. */
const TOLD = 50;

/** What the caller got wrong; needs a sentence and no stack. */
class Refused extends Error {}

interface Order {
  source: Source;
  name: string;
  report: string | undefined;
}

async function main(): Promise<void> {
  const order = readOrder();
  if (!order) return say(USAGE);
  const done = await work(loadConfig(process.env), order);
  tell(done, order);
  process.exitCode = done.refused.length > 0 ? 1 : 0;
}

function readOrder(): Order | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      from: { type: 'string', default: 'authgraph' },
      'firebase-config': { type: 'string' },
      report: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const [name] = positionals;
  const format = FORMATS.find((one) => one === values.from);
  if (name === undefined || positionals.length > 1 || !format) throw new Refused(USAGE);
  const path = pathOf(name);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
    throw new Refused(`${path} is no file that can be read.`);
  const open = (): AsyncIterable<Buffer> => createReadStream(path);
  const firebase = readFirebaseConfig(format, values['firebase-config']);
  return { source: { open, format, firebase }, name, report: values.report };
}

/** Relative to where npm was called, which itself goes to the folder of package.json. */
const pathOf = (name: string) => resolve(process.env['INIT_CWD'] ?? '', name);

function readFirebaseConfig(format: Format, name: string | undefined): FirebaseConfig | undefined {
  if (format !== 'firebase') return undefined;
  if (name === undefined) throw new Refused(`--from firebase needs --firebase-config.\n${USAGE}`);
  try {
    return firebaseConfigShape.parse(JSON.parse(readFileSync(pathOf(name), 'utf8')));
  } catch {
    const names = Object.keys(firebaseConfigShape.shape).join(', ');
    throw new Refused(`${pathOf(name)} is not JSON with ${names}.`);
  }
}

/** Brings the schema up to date and imports. */
const work = (config: Config, { source }: Order): Promise<Imported> =>
  intoDatabase(config.data, (db) => {
    signWith(db, config.encryptionKeys);
    const clock = { now: () => Date.now(), monotonic: () => performance.now() };
    return importAccounts({ db, config, clock }, source, (lines) =>
      process.stderr.write(`${lines} lines …\n`),
    );
  });

function tell({ accounts, refused, resumedAfter }: Imported, { name, report }: Order): void {
  if (resumedAfter > 0) say(`Went on after line ${resumedAfter}, and tried again what was refused before.`);
  for (const { line, reason } of refused.slice(0, TOLD)) say(`  line ${line}: ${reason}`);
  if (refused.length > TOLD)
    say(`  … and ${refused.length - TOLD} more; --report <path> writes all of them.`);
  say(`${name}: ${accounts} accounts imported, ${refused.length} lines refused.`);
  if (report !== undefined)
    writeFileSync(pathOf(report), refused.map((refusal) => `${JSON.stringify(refusal)}\n`).join(''));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What the caller can do about it; other errors show where they come from. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (code?.startsWith('ERR_PARSE_ARGS') === true) return `${error.message}\n${USAGE}`;
  if (error instanceof Refused || error instanceof ConfigError || error instanceof ImportUnderWay)
    return error.message;
  if (isUnavailable(error)) return `The database does not answer (${code ?? error.message}).`;
  return error.stack ?? error.message;
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
});
