import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { readMail, type Mail } from './mail.js';

/** A real SMTP server on a loopback port that keeps what it is given. */
export interface MailServer {
  /** Fit for SMTP_URL. */
  readonly url: string;
  /** What has come, oldest first. */
  readonly mails: readonly Mail[];
  close(): Promise<void>;
}

/** Starts one; it asks for no password and offers no TLS. @param accepts what each mail waits for, once it is there */
export async function startMailServer(
  accepts: () => Promise<unknown> = () => Promise.resolve(),
): Promise<MailServer> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, _session, done) {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        mails.push(readMail(Buffer.concat(parts).toString('utf8')));
        void accepts().then(() => done());
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
