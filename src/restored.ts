import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from './config.js';
import { intoDatabase } from './db/command.js';
import { signWith } from './domain/audit.js';
import { raiseEpoch, type Voided } from './domain/restore.js';
import { isUnavailable } from './errors.js';

const USAGE = `Usage: npm run db:restored -- [options]
Once a backup has been restored, before the service starts on it: ends every session, replaces the signing keys, voids mailed
links, and drops mail that waited. Links that undo a change of address stay good, for whoever lost an account to one.
  --end-service-tokens  services get new tokens as well; else those of the backup go on, also where they were revoked since`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'end-service-tokens': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const config = loadConfig(process.env);
  const voided = await intoDatabase(config.data, (db) => {
    signWith(db, config.encryptionKeys);
    return raiseEpoch({ db, config }, { endsServiceTokens: values['end-service-tokens'] });
  });
  report(voided);
}

function report({ sessions, keys, links, mails, serviceTokens, liveServiceTokens }: Voided): void {
  say(
    `Ended: ${sessions} sessions, ${serviceTokens} service tokens. Replaced: ${keys} signing keys.`,
    `Void: ${links} mailed links and challenges, ${mails} messages that waited.`,
    'Accounts, passwords, factors, roles and accesses are those of the backup.',
  );
  if (liveServiceTokens > 0)
    say(
      `Still live: ${liveServiceTokens} service tokens, some perhaps revoked since the backup was made. Look through them, or`,
      'have all of them replaced: npm run db:restored -- --end-service-tokens',
    );
}

function say(...lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** What the caller can do about it; other errors show where they come from. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  if (code?.startsWith('ERR_PARSE_ARGS') === true) return `${error.message}\n${USAGE}`;
  if (error instanceof ConfigError) return error.message;
  if (isUnavailable(error)) return `The database does not answer (${code ?? error.message}).`;
  return error.stack ?? error.message;
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
});
