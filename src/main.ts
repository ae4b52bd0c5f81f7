import 'reflect-metadata';
import { createApp, type RunningApp } from './app.js';
import { ConfigError, loadConfig, type Config } from './config.js';

function welcome({ url, firstOwner, database }: RunningApp, config: Config): string {
  const lines = [
    '',
    `  authgraph is ready at ${url}/graphql`,
    '',
    ...(config.production ? [] : [`  Apollo Sandbox   open ${url}/graphql in a browser`]),
    `  Data             ${database === 'embedded' ? `${config.data.dir} (its own PostgreSQL)` : 'the PostgreSQL of DATABASE_URL'}`,
    `  Outgoing mail    ${config.mail.smtpUrl ? 'by SMTP' : `${config.mail.folder}, one .eml file each`}`,
    ...(firstOwner ? ['', `  Owner account    ${firstOwner.username} (${firstOwner.email})`] : []),
    ...(firstOwner?.password === undefined
      ? []
      : [`  Its password     ${firstOwner.password}     (made for this database; shown only now)`]),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const app = await createApp(config);
  process.stdout.write(welcome(app, config));
  const stop = (signal: NodeJS.Signals) => {
    app.log.info({ signal }, 'stopping');
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

main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof ConfigError || !(error instanceof Error) ? String(error) : (error.stack ?? error.message)}\n`,
  );
  process.exit(1);
});
