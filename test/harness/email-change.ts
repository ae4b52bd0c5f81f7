import type { Answer, TestApp } from './app.js';
import { mailsIn } from './mail.js';
import type { Person } from './people.js';
import { until } from './until.js';

type Door = Pick<TestApp, 'graphql'>;

/** Whoever moves an account to another address, by the words of the trade. Each answers as it came, refused or not. */
export function changing(door: Door) {
  const byToken =
    (mutation: string) =>
    (token: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
      door.graphql(`mutation ($t: String!) { ${mutation}(token: $t) }`, { t: token }, { headers });
  return {
    change: (
      { access, password }: Pick<Person, 'access' | 'password'>,
      newEmail: unknown,
      headers: Record<string, string> = {},
    ): Promise<Answer> =>
      door.graphql(
        'mutation ($e: EmailAddress!, $p: String!) { changeEmail(newEmail: $e, password: $p) }',
        { e: newEmail, p: password },
        { bearer: access, headers },
      ),
    confirm: byToken('confirmEmailChange'),
    undo: byToken('undoEmailChange'),
    addressOf: async ({ access }: Pick<Person, 'access'>) =>
      (await door.graphql('{ me { email isEmailVerified } }', {}, { bearer: access })).data['me'] as {
        email: string;
        isEmailVerified: boolean;
      },
  };
}

/** The secrets of the links to a page that were mailed to this address, oldest first, once there are that many. */
export function mailedLinks(
  where: { dataDir: string },
  address: string,
  page: string,
  count: number,
): Promise<string[]> {
  const secretIn = ({ text }: { text: string }) =>
    new RegExp(`/${page}\\?token=([A-Za-z0-9_-]{43})\\b`).exec(text)?.[1];
  return until(`${count} links to ${page} have come to ${address}`, async () => {
    const mails = (await mailsIn(where)).filter(({ to }) => to === address);
    const secrets = mails.map(secretIn).filter((secret) => secret !== undefined);
    return secrets.length >= count ? secrets : undefined;
  });
}

/** The newest of {@link mailedLinks}. */
export const mailedLink = async (where: { dataDir: string }, address: string, page: string, count = 1) =>
  (await mailedLinks(where, address, page, count)).at(-1) ?? '';
