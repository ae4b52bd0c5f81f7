import { readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** A mail that was not sent anywhere, as whoever develops may read it; beside its .eml file. */
export type KeptMail = z.infer<typeof shape>;
const shape = z.object({
  id: z.string(),
  at: z.string(),
  to: z.string(),
  subject: z.string(),
  text: z.string(),
});

/** How many the mailbox shows, and keeps, but for those of a few rounds. */
const MOST = 100;
/** So many mails later the folder is read again, for what has to go. */
const ROUND = 20;
/** Ids sort by time. */
const FILE = /^[0-9a-f-]{36}\.json$/;

interface Written {
  id: string;
  recipient: string;
  subject: string;
  text: string;
  createdAt: Date;
}

/** Opens the mailbox for mails to be kept in; the oldest beyond the hundred newest go. */
export function openMailbox(folder: string): (mail: Written) => Promise<void> {
  let kept = 0;
  return async (mail) => {
    await keep(folder, mail);
    if (kept++ % ROUND > 0) return;
    for (const name of (await filesIn(folder)).slice(MOST))
      await unlink(join(folder, name)).catch(() => undefined);
  };
}

async function keep(folder: string, { id, recipient: to, subject, text, createdAt }: Written): Promise<void> {
  const mail: KeptMail = { id, at: createdAt.toISOString(), to, subject, text };
  await writeFile(join(folder, `${id}.json`), JSON.stringify(mail), { mode: 0o600 });
}

/** What was mailed lately, newest first. */
export async function listMailbox(folder: string): Promise<KeptMail[]> {
  const names = (await filesIn(folder)).slice(0, MOST);
  return (await Promise.all(names.map((name) => read(folder, name)))).filter((mail) => mail !== undefined);
}

/** One of them. */
export async function findInMailbox(folder: string, id: string): Promise<KeptMail | undefined> {
  return FILE.test(`${id}.json`) ? read(folder, `${id}.json`) : undefined;
}

const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => []))
    .filter((name) => FILE.test(name))
    .sort()
    .reverse();

/** Another process may just have removed it. */
async function read(folder: string, name: string): Promise<KeptMail | undefined> {
  try {
    return shape.parse(JSON.parse(await readFile(join(folder, name), 'utf8')));
  } catch {
    return undefined;
  }
}
