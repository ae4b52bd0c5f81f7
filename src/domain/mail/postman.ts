import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { createTransport, type Transporter } from 'nodemailer';
import type { Logger } from 'pino';
import type { Config } from '../../config.js';
import { OutboxModel } from '../../db/models/outbox.js';

/** Takes mail out of the outbox and hands it over, as often as it takes. */
export interface Postman {
  /** Looks into the outbox soon. */
  collect(): void;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 15_000;
/** A mail that is being handed over is nobody else's for so long; a crash in between means it goes out once more. */
const LEASE_SECONDS = 60;
const LONGEST_WAIT_SECONDS = 3600;
const BATCH = 10;
/** Well within the lease, in milliseconds. */
const SMTP_TIMEOUTS = { connectionTimeout: 5000, greetingTimeout: 5000, socketTimeout: 10_000 };
/** After so many tries a mail is given up: its links have expired by then. */
const MOST_TRIES = 40;

/** Starts delivering: by SMTP where SMTP_URL is set, else as .eml files in the mail folder of the data directory. */
export function openPostman(db: Knex, config: Config, log: Logger): Postman {
  const deliver = config.mail.smtpUrl
    ? bySmtp(createTransport(withTimeouts(config.mail.smtpUrl)), config)
    : intoFolder(config);
  let running: Promise<void> | undefined;
  const state = { again: false, closed: false };
  const isWanted = () => state.again && !state.closed;
  const round = async () => {
    while (isWanted()) {
      state.again = false;
      for (let batch = await lease(db); batch.length > 0 && !state.closed; batch = await lease(db)) {
        for (const mail of batch) await handOver(db, deliver, mail, log);
      }
    }
  };
  const collect = () => {
    state.again = true;
    if (state.closed || running) return;
    running = round()
      .catch((error: unknown) => log.warn({ err: error }, 'the outbox could not be read'))
      .finally(() => (running = undefined));
  };
  const timer = setInterval(collect, LOOK_EVERY_MS).unref();
  collect();
  return {
    collect,
    async close() {
      state.closed = true;
      clearInterval(timer);
      await running;
    },
  };
}

async function lease(db: Knex): Promise<OutboxModel[]> {
  const due = OutboxModel.query(db)
    .select('id')
    .where('nextTryAt', '<=', db.raw('now()'))
    .orderBy('id')
    .limit(BATCH)
    .forUpdate()
    .skipLocked();
  const leased = await OutboxModel.query(db)
    .whereIn('id', due)
    .patch({
      nextTryAt: db.raw("now() + ? * interval '1 second'", [LEASE_SECONDS]),
      tries: db.raw('tries + 1'),
    })
    .returning('*');
  return leased.sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function handOver(
  db: Knex,
  deliver: (mail: OutboxModel) => Promise<void>,
  mail: OutboxModel,
  log: Logger,
): Promise<void> {
  try {
    await deliver(mail);
    await OutboxModel.query(db).deleteById(mail.id);
  } catch (error) {
    const about = { err: error, mail: mail.id, tries: mail.tries };
    if (mail.tries >= MOST_TRIES) {
      log.error(about, 'a mail could not be handed over for more than a day; it is given up');
      await OutboxModel.query(db).deleteById(mail.id);
    } else {
      log.warn(about, 'a mail could not be handed over; it will be tried again');
      await postpone(db, mail);
    }
  }
}

async function postpone(db: Knex, { id, tries }: OutboxModel): Promise<void> {
  const wait = Math.min(LONGEST_WAIT_SECONDS, 2 ** Math.min(tries, 12));
  await OutboxModel.query(db)
    .findById(id)
    .patch({ nextTryAt: db.raw("now() + ? * interval '1 second'", [wait]) });
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
