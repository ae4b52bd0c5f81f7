import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { createTransport, type Transporter } from 'nodemailer';
import type { Logger } from 'pino';
import type { Config } from '../../config.js';
import type { OutboxModel } from '../../db/models/outbox.js';
import { openOutbox, type Outbox } from '../outbox.js';

/** Takes mail out of the outbox and hands it over. */
export type Postman = Outbox;

/** Well within the lease, in milliseconds. */
const SMTP_TIMEOUTS = { connectionTimeout: 5000, greetingTimeout: 5000, socketTimeout: 10_000 };

/** Starts delivering: by SMTP where SMTP_URL is set, else as .eml files in the mail folder of the data directory. */
export function openPostman(db: Knex, config: Config, log: Logger): Postman {
  const deliver = config.mail.smtpUrl
    ? bySmtp(createTransport(withTimeouts(config.mail.smtpUrl)), config)
    : intoFolder(config);
  return openOutbox(db, log, { table: 'outbox', lane: 'recipient', what: 'mail', deliver });
}

const compose = (config: Config, mail: OutboxModel) => ({
  from: config.mail.from,
  to: mail.recipient,
  subject: mail.subject,
  text: mail.bodyText,
  html: mail.bodyHtml,
  messageId: `<${mail.id}@authgraph>`,
});

function withTimeouts(smtpUrl: string): string {
  const url = new URL(smtpUrl);
  for (const [name, ms] of Object.entries(SMTP_TIMEOUTS))
    if (!url.searchParams.has(name)) url.searchParams.set(name, String(ms));
  return url.href;
}

function bySmtp(transport: Transporter, config: Config) {
  return async (mail: OutboxModel): Promise<void> => {
    await transport.sendMail(compose(config, mail));
  };
}

function intoFolder(config: Config) {
  const transport = createTransport({ streamTransport: true, buffer: true });
  return async (mail: OutboxModel): Promise<void> => {
    const { message } = await transport.sendMail(compose(config, mail));
    await mkdir(config.mail.folder, { recursive: true, mode: 0o700 });
    await writeFile(join(config.mail.folder, `${mail.id}.eml`), message as Buffer, { mode: 0o600 });
  };
}
