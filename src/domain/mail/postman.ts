import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport, type Transporter } from 'nodemailer';
import type { Config } from '../../config.js';
import type { MailModel } from '../../db/models/mail.js';
import type { OutboxModel } from '../../db/models/outbox.js';
import { openOutbox, type Outbox, type OutboxDeps } from '../outbox.js';
import { seal, unseal } from '../sealing.js';
import { openMailbox } from './mailbox.js';
import type { Mail } from './templates.js';

/** A mail in the outbox, its words under seal. */
export type Letter = Pick<MailModel, 'id' | 'recipient' | 'subject' | 'bodySealed'>;

/** Takes mail out of the outbox and hands it over. */
export type Postman = Outbox<MailModel>;

/** Well within the lease, in milliseconds. */
const SMTP_TIMEOUTS = { connectionTimeout: 5000, greetingTimeout: 5000, socketTimeout: 10_000 };

/** A mail as it leaves. */
interface Opened extends Mail {
  id: string;
  recipient: string;
  createdAt: Date;
}
type Deliver = (mail: Opened) => Promise<void>;

/** Starts delivering: by SMTP where SMTP_URL is set, else as .eml files in the mail folder of the data directory. */
export function openPostman(deps: OutboxDeps & { config: Config }): Postman {
  const { config } = deps;
  const deliver = config.mail.smtpUrl
    ? bySmtp(createTransport(withTimeouts(config.mail.smtpUrl)), config)
    : intoFolder(config);
  const route = { lane: 'recipient', what: 'mail' } as const;
  const sealed = openOutbox<MailModel>(deps, {
    ...route,
    table: 'mailOutbox',
    deliver: async (letter) => deliver(openLetter(config, letter)),
  });
  // What the version before has written, or writes beside this one.
  const clear = openOutbox<OutboxModel>(deps, {
    ...route,
    table: 'outbox',
    deliver: async ({ bodyText: text, bodyHtml: html, ...mail }) => deliver({ ...mail, text, html }),
  });
  return {
    ...sealed,
    close: async () => {
      await Promise.all([sealed.close(), clear.close()]);
    },
  };
}

/** Bound to its mail, so that nobody who writes into the table has it sent to another address. */
const purposeOf = ({ id, recipient }: Pick<Letter, 'id' | 'recipient'>) => `mail:${id}:${recipient}`;

/** The words of a mail as they wait: a link in them is good for whoever has it. */
export function sealBody(
  { encryptionKeys }: Config,
  of: Pick<Letter, 'id' | 'recipient'>,
  { text, html }: Mail,
): string {
  return seal(encryptionKeys, purposeOf(of), Buffer.from(JSON.stringify({ text, html })));
}

function openLetter({ encryptionKeys }: Config, { bodySealed, ...mail }: MailModel): Opened {
  const body = unseal(encryptionKeys, purposeOf(mail), bodySealed).toString('utf8');
  return { ...mail, ...(JSON.parse(body) as Pick<Mail, 'text' | 'html'>) };
}

const compose = (config: Config, { id, recipient, subject, text, html }: Opened) => ({
  from: config.mail.from,
  to: recipient,
  subject,
  text,
  html,
  messageId: `<${id}@authgraph>`,
});

function withTimeouts(smtpUrl: string): string {
  const url = new URL(smtpUrl);
  for (const [name, ms] of Object.entries(SMTP_TIMEOUTS))
    if (!url.searchParams.has(name)) url.searchParams.set(name, String(ms));
  return url.href;
}

function bySmtp(transport: Transporter, config: Config): Deliver {
  return async (mail) => {
    await transport.sendMail(compose(config, mail));
  };
}

function intoFolder(config: Config): Deliver {
  const transport = createTransport({ streamTransport: true, buffer: true });
  const { folder } = config.mail;
  const keep = config.mail.hasMailbox ? openMailbox(folder) : undefined;
  return async (mail) => {
    const { message } = await transport.sendMail(compose(config, mail));
    if (!existsSync(folder)) await mkdir(folder, { recursive: true, mode: 0o700 });
    // First, so that whoever sees the mail finds it in the mailbox as well.
    await keep?.(mail);
    await writeFile(join(folder, `${mail.id}.eml`), message as Buffer, { mode: 0o600 });
  };
}
