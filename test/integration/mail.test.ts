import { execFileSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.js';
import { openTemplates } from '../../src/domain/mail.js';
import { sendRaw } from '../attack/raw.js';
import { actingAs } from '../harness/administration.js';
import { startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { codeOf, signUp } from '../harness/calls.js';
import { changing } from '../harness/email-change.js';
import { forgot, passwordLinks } from '../harness/links.js';
import { mailsIn } from '../harness/mail.js';
import { join as joinApp, newcomer } from '../harness/people.js';
import { makeTempDir } from '../harness/process.js';
import { openScene, type Scene } from '../harness/scene.js';
import { startMailServer } from '../harness/smtp.js';
import { until } from '../harness/until.js';

const words = makeTempDir();
/** Writes a template. */
function write(folder: string, path: string, text: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, `${path}.mustache`), text);
}

let app: TestApp;
let scene: Scene;
beforeAll(async () => {
  write(words, 'reset-password/subject', 'Neues Passwort bei {{product}}\n');
  write(words, 'reset-password/text', 'Hallo{{#firstName}} {{firstName}}{{/firstName}} & Co: {{link}}');
  app = await startApp({ LIMITS_SCALE: '100', MAIL_TEMPLATES: words, MAIL_PRODUCT_NAME: 'Fisch & Söhne' });
  scene = await openScene(app);
});
afterAll(async () => {
  await scene.close();
  await app.close();
});

const mailTo = (address: string, subject: RegExp | string) =>
  until(`a mail has come to ${address}`, async () =>
    (await mailsIn(app)).find((mail) => mail.to === address && new RegExp(subject).test(mail.subject)),
  );
const bare = (raw: string) => raw.replace(/=\r?\n/g, '').replace(/=3D/g, '=');

describe('a mail', () => {
  it('has the words that the deployment gave it, part by part, and those that come along else', async () => {
    const ana = await scene.seat(['USER']);
    await forgot(app, ana.email);
    await passwordLinks(app, ana.email, 1);
    const mail = await mailTo(ana.email, '');
    expect(mail.raw).toMatch(/Subject: =\?UTF-8\?Q\?Neues_Passwort_bei_Fisch_/);
    expect(mail.text).toMatch(
      /^Hallo Set & Co: https:\/\/auth\.example\.test\/reset-password\?token=\S{43}$/,
    );
    expect(bare(mail.raw)).toMatch(
      /<a href="https:\/\/auth\.example\.test\/reset-password\?token=[\w-]{43}">/,
    );
    expect(bare(mail.raw)).toContain('Fisch &amp; S');
  });

  it('that invites names the product', async () => {
    const { email, username } = newcomer();
    const owner = await scene.enter(await scene.seat(['OWNER']));
    await actingAs(app, owner).createUser({ email, username, firstName: 'Gil' });
    expect((await mailTo(email, 'Set the password')).raw).toContain('Fisch');
  });

  it('waits under seal: nobody who reads the database has a link, or has one sent elsewhere', async () => {
    const ana = await scene.enter(await scene.seat(['USER']));
    const email = newcomer().email;
    await scene.look(
      "create function hold_back() returns trigger language plpgsql as $$ begin new.next_try_at = now() + interval '1 hour'; return new; end $$",
    );
    await scene.look(
      'create trigger held before insert on mail_outbox for each row execute function hold_back()',
    );
    await changing(app).change(ana, email);
    await scene.look('drop trigger held on mail_outbox');
    const waiting = await scene.look<Record<string, unknown>>(
      'select * from mail_outbox where account_id = $1',
      [ana.id],
    );
    expect(waiting.map(({ recipient }) => recipient).sort()).toEqual([ana.email, email].sort());
    expect(JSON.stringify(waiting)).not.toMatch(/token=|auth\.example/);
    await scene.look(
      "update mail_outbox set recipient = 'eve@evil.test', next_try_at = now() where recipient = $1",
      [email],
    );
    await scene.look('update mail_outbox set next_try_at = now() where recipient = $1', [ana.email]);
    await forgot(app, (await scene.seat(['USER'])).email);
    await mailTo(ana.email, 'about to change');
    await until('it was tried', async () =>
      (await scene.look("select 1 from mail_outbox where recipient = 'eve@evil.test' and tries > 0")).length >
      0
        ? true
        : undefined,
    );
    expect((await mailsIn(app)).filter(({ to }) => to === 'eve@evil.test')).toEqual([]);
    await scene.look("delete from mail_outbox where recipient = 'eve@evil.test'");
  });

  it('to a newcomer comes after what waits for the same address already', async () => {
    const input = newcomer();
    const earlier = '00000000-0000-7000-8000-000000000001';
    await scene.look(
      `insert into mail_outbox (id, recipient, subject, body_sealed, next_try_at)
       values ($1, $2, 'Not yet', 'x', now() + interval '1 hour')`,
      [earlier, input.email],
    );
    expect(codeOf(await signUp(app, input))).toBeUndefined();
    await joinApp(app);
    const waiting = 'select tries from mail_outbox where recipient = $1 and id > $2';
    expect(await scene.look(waiting, [input.email, earlier])).toEqual([{ tries: 0 }]);
    await scene.look('delete from mail_outbox where id = $1', [earlier]);
    await forgot(app, (await scene.seat(['USER'])).email);
    await mailTo(input.email, 'Confirm');
  });

  it('is not kept waiting by those of a crowd that signs up', async () => {
    const gate = new EventEmitter();
    const opened = once(gate, 'open');
    const server = await startMailServer(() => opened);
    const crowded = await startApp({ LIMITS_SCALE: '100', SMTP_URL: server.url });
    const first = await joinApp(crowded);
    await until('the first is on its way', () => server.mails[0]);
    const crowd = Array.from({ length: 14 }, () => joinApp(crowded));
    await Promise.all([...crowd, forgot(crowded, first.email)]);
    gate.emit('open');
    await until('all have come', () => server.mails.length === 16 || undefined);
    const place = server.mails.findIndex(({ subject }) => subject.includes('password'));
    expect(place).toBeGreaterThan(0);
    expect(place).toBeLessThan(14);
    await crowded.close();
    await server.close();
  });

  it('of the version before, in clear, is handed over all the same', async () => {
    const to = newcomer().email;
    await scene.put('outbox', {
      recipient: to,
      subject: 'Of before',
      body_text: 'As it was',
      body_html: '<p>As it was</p>',
    });
    const replica = await app.replica();
    const mail = await until('it has come', async () =>
      [...(await mailsIn(app))].find((one) => one.to === to),
    );
    expect(mail).toMatchObject({ subject: 'Of before', text: 'As it was' });
    await replica.close();
  });
});

describe('a template', () => {
  const mistakesOf = async (folder: string) => {
    const { env } = await testEnvironment({ DATABASE_URL: app.databaseUrl, MAIL_TEMPLATES: folder });
    try {
      openTemplates(loadConfig(env));
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.mistakes;
      throw error;
    }
  };

  it('that is wrong keeps the service from starting, and all that is wrong is told at once', async () => {
    const folder = makeTempDir();
    write(folder, 'reset-password/subject', '{{link}}');
    write(folder, 'reset-password/text', 'No way in.');
    write(folder, 'reset-password/html', '<p>{{{firstName}}} {{link}}</p>');
    write(folder, 'verify-email/text', 'Hello {{#firstName}}{{link}}{{/firstName}}');
    write(folder, 'verify-email/html', '<p>{{link}}');
    write(folder, 'verify-email/subject', 'One\nTwo');
    write(folder, 'invitation/text', '{{#link}} open');
    write(folder, 'invitation/html', '{{> footer}} {{link}} {{pasword}}');
    write(folder, 'invitation/subject', '  ');
    write(folder, 'invitation/txt', 'x');
    write(folder, 'pasword-reset/text', 'x');
    const mistakes = await mistakesOf(folder);
    expect(mistakes.map((mistake) => mistake.slice(0, 60))).toEqual(
      expect.arrayContaining([
        expect.stringContaining('MAIL_TEMPLATES: reset-password/subject.mustache names {{link'),
        expect.stringContaining('reset-password/text.mustache lacks {{link}}'),
        expect.stringContaining('reset-password/html.mustache names {{{first'),
        expect.stringContaining('verify-email/text.mustache lacks {{link}}'),
        expect.stringContaining('verify-email/subject.mustache has more than'),
        expect.stringContaining('invitation/text.mustache cannot be read'),
        expect.stringContaining('invitation/html.mustache includes {{> footer'),
        expect.stringContaining('invitation/html.mustache names {{pasword}}'),
        expect.stringContaining('invitation/subject.mustache says nothing'),
        expect.stringContaining('invitation/txt.mustache is no part'),
        expect.stringContaining('pasword-reset is the name of no mail'),
      ]),
    );
    expect(mistakes).toHaveLength(11);
    expect(await mistakesOf(join(folder, 'nowhere'))).toEqual(['MAIL_TEMPLATES: is no folder']);
  });

  it('that comes along is written out to be edited, and is right as it is', async () => {
    const folder = makeTempDir();
    const script = fileURLToPath(new URL('../../scripts/mail-templates.mjs', import.meta.url));
    write(folder, 'invitation/subject', 'Mine');
    execFileSync(process.execPath, [script, folder]);
    expect(readdirSync(folder).length).toBeGreaterThan(15);
    expect(await mistakesOf(folder)).toEqual([]);
    const { env } = await testEnvironment({ DATABASE_URL: app.databaseUrl, MAIL_TEMPLATES: folder });
    const mail = openTemplates(loadConfig(env)).write('invitation', 'Ana', { link: 'https://x.test/?a&b' });
    expect(mail.subject).toBe('Mine');
    expect(mail.html).toContain('href="https://x.test/?a&amp;b"');
  });
});

describe('the mailbox of whoever develops', () => {
  const read = (path: string) => fetch(app.url + path);

  it('shows what was mailed, newest first, each with its links', async () => {
    const ana = await scene.seat(['USER'], { first_name: 'Ana' });
    await forgot(app, ana.email);
    const [secret] = await passwordLinks(app, ana.email, 1);
    const answer = await read('/mailbox.json');
    const mails = (await answer.json()) as {
      id: string;
      to: string;
      subject: string;
      at: string;
      links: string[];
    }[];
    const [newest] = mails;
    expect(newest).toMatchObject({
      to: ana.email,
      subject: 'Neues Passwort bei Fisch & Söhne',
      links: [`https://auth.example.test/reset-password?token=${secret}`],
    });
    expect(mails.map(({ at }) => at)).toEqual(
      mails
        .map(({ at }) => at)
        .sort()
        .reverse(),
    );
    const list = await (await read('/mailbox')).text();
    expect(list).toContain(`<a href="mailbox?mail=${newest?.id}">Neues Passwort bei Fisch &amp; Söhne</a>`);
    const view = await read(`/mailbox?mail=${newest?.id}`);
    const html = await view.text();
    expect(html).toContain(
      `<a href="https://auth.example.test/reset-password?token=${secret}" rel="noreferrer noopener">`,
    );
    expect(html).not.toMatch(/<(script|img|iframe)/);
    expect(view.headers.get('content-security-policy')).toContain("default-src 'none'");
    for (const odd of ['../secrets', 'x', '00000000-0000-0000-0000-000000000000'])
      expect((await read(`/mailbox?mail=${encodeURIComponent(odd)}`)).status).toBe(404);
  });

  it('runs nothing that a mail brings along', async () => {
    const to = newcomer().email;
    const evil = '<script>alert(1)</script> javascript:alert(1) https://a.test/"onclick="x" end.';
    await scene.put('outbox', { recipient: to, subject: '<b>x', body_text: evil, body_html: evil });
    const replica = await app.replica({ DATA_DIR: app.dataDir });
    await mailTo(to, 'x');
    const mails = (await (await read('/mailbox.json')).json()) as {
      id: string;
      to: string;
      links: string[];
    }[];
    const mail = mails.find((one) => one.to === to);
    expect(mail?.links).toEqual(['https://a.test/']);
    const html = await (await read(`/mailbox?mail=${mail?.id}`)).text();
    expect(html).not.toMatch(/<script|<b>|javascript:[^<]*"|onclick="/);
    await replica.close();
  });

  it('is for this machine alone: not for a proxy, nor for a page whose name points here', async () => {
    for (const path of ['/mailbox', '/mailbox.json']) {
      for (const header of [
        'X-Forwarded-For: 203.0.113.9',
        'X-Real-IP: 203.0.113.9',
        'Forwarded: for=203.0.113.9',
        'Via: 1.1 proxy',
      ]) {
        const { status } = await sendRaw(app.url, [`GET ${path} HTTP/1.1`, header]);
        expect([header, status]).toEqual([header, 403]);
      }
      const rebound = await sendRaw(app.url, [`GET ${path} HTTP/1.1`, 'Host: evil.test']);
      expect(rebound.status).toBe(403);
      expect((await read(path)).status).toBe(200);
    }
  });

  it('is not there in production, nor where mail is sent; nor is the first page in production', async () => {
    const sending = await app.replica({ SMTP_URL: 'smtp://127.0.0.1:1' });
    expect([(await fetch(`${sending.url}/mailbox`)).status, (await fetch(sending.url)).status]).toEqual([
      404, 200,
    ]);
    await sending.close();
    const production = await app.replica({ NODE_ENV: 'production', GATEWAY_SECRETS: 'q3xV-77aKp_0zLmWc91' });
    for (const path of ['/', '/mailbox', '/mailbox.json']) {
      const answer = await fetch(production.url + path);
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
        path,
        404,
        'application/json; charset=utf-8',
      ]);
    }
    await production.close();
  });

  it('is where the first page leads, beside the Sandbox and health', async () => {
    const html = await (await read('/')).text();
    for (const path of ['graphql', 'mailbox', 'health/ready']) expect(html).toContain(`<a href="${path}">`);
  });
});
