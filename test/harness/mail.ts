import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A mail as it was put into the mail folder of a service under test. */
export interface Mail {
  to: string;
  from: string;
  subject: string;
  /** Its plain text, decoded. */
  text: string;
  /** The file, as it is. */
  raw: string;
}

/** Every mail that a service, or a replica of it, has put into its mail folder, oldest first. */
export async function mailsIn({ dataDir }: { dataDir: string }): Promise<Mail[]> {
  const files = await readdir(dataDir, { recursive: true }).catch(() => []);
  const mails = files.filter((file) => /mail\/[^/]+\.eml$/.test(file)).sort();
  return Promise.all(mails.map(async (file) => readMail(await readFile(join(dataDir, file), 'utf8'))));
}

/** Takes a mail apart. */
export function readMail(raw: string): Mail {
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(raw)?.[1]?.trim() ?? '';
  const [, , text = ''] =
    /Content-Type: text\/plain[^\n]*\r?\n(Content-Transfer-Encoding: [^\n]*\r?\n)?\r?\n([\s\S]*?)\r?\n--/i.exec(
      raw,
    ) ?? [];
  const isQuoted = /Content-Transfer-Encoding: quoted-printable/i.test(raw);
  return {
    to: header('To'),
    from: header('From'),
    subject: header('Subject'),
    text: isQuoted ? unquote(text) : text,
    raw,
  };
}

/** Quoted-printable (RFC 2045 §6.7). */
function unquote(text: string): string {
  const joined = text.replace(/=\r?\n/g, '');
  return joined.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
