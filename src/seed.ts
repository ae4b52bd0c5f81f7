import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig, type Config } from './config.js';
import { intoDatabase } from './db/command.js';
import { migrate, pendingMigrations } from './db/migrate.js';
import { signWith } from './domain/audit.js';
import { isDeed, PresetError, presets, seed, type Outcome, type Source } from './domain/presets.js';
import { isUnavailable } from './errors.js';

const NAMES = Object.keys(presets).join(', ');
const USAGE = `Usage: npm run db:seed -- --preset <name> …
  --preset <name>  a ready set of roles: ${NAMES}
  --file <path>    one of your own, as JSON; see docs/presets.md
  --update         bring what is there and differs to the preset's state; nothing is ever taken away
  --dry-run        only say what would be done
  --print <name>   write a preset out as JSON, to begin a file of your own with
Several presets and files are applied one after the other.`;

/** What the caller got wrong, or has to do first; needs a sentence and no stack. */
class Refusal extends Error {}

interface Order {
  sources: Source[];
  updates: boolean;
  rehearses: boolean;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      preset: { type: 'string', multiple: true, default: [] },
      file: { type: 'string', multiple: true, default: [] },
      update: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      print: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  if (values.print !== undefined) return say(JSON.stringify(presetNamed(values.print).given, null, 2));
  const sources = [...values.preset.map(presetNamed), ...values.file.map(readSource)];
  if (sources.length === 0) throw new Refusal(USAGE);
  const config = loadConfig(process.env);
  const done = await work(config, { sources, updates: values.update, rehearses: values['dry-run'] });
  report(done, values['dry-run']);
  warnOfDefault(config, sources);
}

function presetNamed(name: string): Source {
  if (!Object.hasOwn(presets, name))
    throw new Refusal(`There is no preset ${name}. Those that there are: ${NAMES}.`);
  return { name, given: presets[name] };
}

/** Relative to where npm was called, which itself goes to the folder of package.json. */
function readSource(name: string): Source {
  const path = resolve(process.env['INIT_CWD'] ?? '', name);
  try {
    return { name, given: JSON.parse(readFileSync(path, 'utf8')) as unknown };
  } catch (error) {
    const why = error instanceof SyntaxError ? `is no JSON: ${error.message}` : 'cannot be read';
    throw new Refusal(`${path} ${why}`);
  }
}

/** Brings the schema up to date, save for a rehearsal, and seeds. */
const work = (config: Config, { sources, ...order }: Order): Promise<Map<string, Outcome[]>> =>
  intoDatabase(
    config.data,
    (db) => {
      signWith(db, config.encryptionKeys);
      return seed(db, sources, order);
    },
    order.rehearses ? requireUpToDate : migrate,
  );

async function requireUpToDate(url: string): Promise<void> {
  if ((await pendingMigrations(url)).length > 0)
    throw new Refusal('The schema is older than this version; run npm run db:migrate first.');
}

const SAID = { created: 'created', changed: 'changed', unchanged: 'unchanged', kept: 'kept as it is' };

function report(done: Map<string, Outcome[]>, rehearses: boolean): void {
  for (const [name, outcomes] of done) {
    const width = Math.max(0, ...outcomes.map(({ item }) => item.length));
    say(`${name}:`, ...outcomes.map((outcome) => `  ${outcome.item.padEnd(width)}  ${tell(outcome)}`));
  }
  const all = [...done.values()].flat();
  if (!all.some(isDeed)) return say(rehearses ? 'Nothing would be changed.' : 'Nothing was changed.');
  const counts = Object.entries(SAID)
    .map(([what, word]) => [all.filter((outcome) => outcome.what === what).length, word] as const)
    .filter(([count]) => count > 0);
  const summary = counts.map(([count, word]) => `${count} ${word}`).join(', ');
  say(rehearses ? `Would be: ${summary}. Nothing was done.` : `${summary}.`);
}

function tell({ what, how }: Outcome): string {
  if (how === undefined) return SAID[what];
  return what === 'kept' ? `${SAID.kept} (differs: ${how})` : `${SAID[what]} (${how})`;
}

function warnOfDefault({ accounts }: Config, sources: readonly Source[]): void {
  const chosen = sources.map(({ given }) => (given as { defaultRole?: string }).defaultRole);
  const role = chosen.findLast((name) => name !== undefined);
  if (accounts.defaultRole !== undefined && role !== undefined && role !== accounts.defaultRole)
    say(`New accounts get ${accounts.defaultRole} all the same, as DEFAULT_ROLE says so here.`);
}

function say(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** What the caller can do about it; other errors show where they come from. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof PresetError)
    return [error.message, ...error.mistakes.map((mistake) => `  - ${mistake}`), 'Nothing was done.'].join(
      '\n',
    );
  const { code } = error as NodeJS.ErrnoException;
  if (code?.startsWith('ERR_PARSE_ARGS') === true) return `${error.message}\n${USAGE}`;
  if (error instanceof Refusal || error instanceof ConfigError) return error.message;
  if (isUnavailable(error)) return `The database does not answer (${code ?? error.message}).`;
  return error.stack ?? error.message;
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
});
