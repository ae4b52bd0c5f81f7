import { setFlagsFromString } from 'node:v8';
import './load-graphql.js';
import type { RunningApp } from './app.js';
import { ConfigError, loadConfig, type Config } from './config.js';
import { isUnavailable } from './errors.js';
import type { Running } from './running.js';

/** How long stopping may take in all, in milliseconds: leave, drain, close. */
const STOP_MS = 16_000;

function welcome({ url, firstOwner, database }: RunningApp, config: Config): string {
  const lines = [
    '',
    `  authgraph is ready at ${url}/graphql`,
    '',
    ...(config.production ? [] : [`  Apollo Sandbox   open ${url}/graphql in a browser`]),
    `  Data             ${database === 'embedded' ? `${config.data.dir} (its own PostgreSQL)` : 'the PostgreSQL of DATABASE_URL'}`,
    ...mailLines(url, config),
    ...(firstOwner ? ['', `  Owner account    ${firstOwner.username} (${firstOwner.email})`] : []),
    ...(firstOwner?.password === undefined
      ? []
      : [`  Its password     ${firstOwner.password}     (made for this database; shown only now)`]),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function mailLines(url: string, { mail }: Config): string[] {
  const lines = [`  Outgoing mail    ${mail.smtpUrl ? 'by SMTP' : `${mail.folder}, one .eml file each`}`];
  return mail.hasMailbox
    ? [`  Mailbox          open ${url}/mailbox in a browser to read it`, ...lines]
    : lines;
}

function welcomeStateless({ url }: Running, { issuers }: Config): string {
  const names = issuers.map(({ issuer }) => `    ${issuer}\n`).join('');
  return `\n  authgraph is ready at ${url}/graphql, without accounts: it verifies the tokens of\n${names}\n`;
}

/** One of the two is loaded and not the other: what is not needed takes no memory. */
async function start(config: Config): Promise<Running> {
  if (config.stateless.on) {
    // Little is held from one request to the next: room for what is short-lived would only fill up.
    setFlagsFromString('--max-semi-space-size=1');
    setFlagsFromString('--semi-space-growth-factor=1');
    setFlagsFromString('--heap-growing-percent=20');
    const { createStateless } = await import('./stateless.js');
    const running = await createStateless(config);
    process.stdout.write(welcomeStateless(running, config));
    return running;
  }
  const { createApp } = await import('./app.js');
  const running = await createApp(config);
  process.stdout.write(welcome(running, config));
  return running;
}

async function main(): Promise<void> {
  const app = await start(loadConfig(process.env));
  const stop = (signal: NodeJS.Signals) => {
    app.log.info({ signal }, 'stopping');
    // Whatever hangs by then, a database say, is not worth waiting for.
    setTimeout(() => process.exit(1), STOP_MS).unref();
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        app.log.error({ err: error }, 'did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
}

/** What a newcomer can do about it; other errors show where they come from. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConfigError) return error.message;
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE')
    return `Port ${port ?? ''} is in use. Stop what listens there, or choose another one: PORT=4001 npm start`;
  if (isUnavailable(error))
    return `The database does not answer (${code ?? error.message}). Is DATABASE_URL right, and is PostgreSQL running there?`;
  return error.stack ?? error.message;
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
});
