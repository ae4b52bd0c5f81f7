import type { Answer, TestApp } from './app.js';
import { mailsIn } from './mail.js';
import { until } from './until.js';

type Door = Pick<TestApp, 'graphql'>;

/** The secrets of the password links that were mailed to this address, oldest first, once there are that many. */
export async function passwordLinks(
  where: { dataDir: string },
  address: string,
  count: number,
): Promise<string[]> {
  const find = ({ text }: { text: string }) =>
    /\/reset-password\?token=([A-Za-z0-9_-]{43})\b/.exec(text)?.[1];
  const mailed = async () => {
    const mails = (await mailsIn(where)).filter(({ to }) => to === address);
    return mails.map(find).filter((secret) => secret !== undefined);
  };
  return until(`${count} links have come to ${address}`, async () => {
    const secrets = await mailed();
    return secrets.length >= count ? secrets : undefined;
  });
}

/** Asks for a link to set a forgotten password anew. */
export const forgot = (door: Door, email: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  door.graphql('mutation ($e: EmailAddress!) { forgotPassword(email: $e) }', { e: email }, { headers });

/** Sets a password by the secret of a link. */
export const reset = (door: Door, token: unknown, newPassword: unknown): Promise<Answer> =>
  door.graphql('mutation ($t: String!, $p: String!) { resetPassword(token: $t, newPassword: $p) }', {
    t: token,
    p: newPassword,
  });
