import cluster from 'node:cluster';
import { setFlagsFromString } from 'node:v8';
import type { RunningApp } from './app.js';
import type { Config } from './config.js';
import type { Running } from './running.js';
import { LEAVE, type Ready } from './supervisor.js';

/** How long stopping may take in all, in milliseconds: leave, drain, close. */
const STOP_MS = 16_000;

/** Runs the service in this process until it is told to stop; a worker tells its supervisor, who speaks for all. */
export async function serve(config: Config): Promise<void> {
  const { running, welcome } = await start(config);
  if (cluster.isWorker) process.send?.({ ready: welcome } satisfies Ready);
  else process.stdout.write(welcome);
  stopWhenTold(running);
}

/** One of the two is loaded and not the other: what is not needed takes no memory. */
async function start(config: Config): Promise<{ running: Running; welcome: string }> {
  if (config.stateless.on) {
    // Little is held from one request to the next: room for what is short-lived would only fill up.
    setFlagsFromString('--max-semi-space-size=1');
    setFlagsFromString('--semi-space-growth-factor=1');
    setFlagsFromString('--heap-growing-percent=20');
    const { createStateless } = await import('./stateless.js');
    const running = await createStateless(config);
    return { running, welcome: welcomeStateless(running, config) };
  }
  // Left to itself the heap grows to four times of what is in use before it is swept: 300 MB under load where 165 will do.
  setFlagsFromString('--heap-growing-percent=40');
  // Else what lives for one request is sometimes allocated among what lives for ever (docs/decisions/0034).
  setFlagsFromString('--no-allocation-site-pretenuring');
  const { createApp } = await import('./app.js');
  const running = await createApp(config);
  return { running, welcome: welcome(running, config) };
}

const metricsLines = (url: string | undefined) => (url === undefined ? [] : [`  Metrics          ${url}`]);

function welcome({ url, metricsUrl, firstOwner, database }: RunningApp, config: Config): string {
  const lines = [
    '',
    `  authgraph is ready at ${url}/graphql`,
    '',
    ...(config.production ? [] : [`  Apollo Sandbox   open ${url}/graphql in a browser`]),
    `  Data             ${database === 'embedded' ? `${config.data.dir} (its own PostgreSQL)` : 'the PostgreSQL of DATABASE_URL'}`,
    ...mailLines(url, config),
    ...metricsLines(metricsUrl),
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

function welcomeStateless({ url, metricsUrl }: Running, { issuers }: Config): string {
  const names = issuers.map(({ issuer }) => `    ${issuer}`);
  const ready = `  authgraph is ready at ${url}/graphql, without accounts: it verifies the tokens of`;
  return `\n${[ready, ...names, '', ...metricsLines(metricsUrl)].join('\n')}\n`;
}

function stopWhenTold(running: Running): void {
  const { log } = running;
  let isStopping = false;
  const stop = (why: string, isReplaced = false) => {
    if (isStopping) return;
    isStopping = true;
    log.info({ why }, 'stopping');
    // Whatever hangs by then, a database say, is not worth waiting for.
    setTimeout(() => process.exit(1), STOP_MS).unref();
    running.close(isReplaced).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'did not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  const { worker } = cluster;
  // Ctrl-C reaches every process: a worker waits for its supervisor's word.
  process.on('SIGINT', () => worker ?? stop('SIGINT'));
  worker?.on('message', (word) => word === LEAVE && stop('replaced', true));
  worker?.once('disconnect', () => {
    // Else Node would end this process at once.
    worker.exitedAfterDisconnect = true;
    stop('the supervisor is gone');
  });
}
