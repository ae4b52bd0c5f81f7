import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, type Config } from '../../config.js';
import { EVERYWHERE, MAILS, type Facts, type MailName } from './kinds.js';
import { faultsOf } from './judge.js';
import { PARTS, renderPart, type Part } from './part.js';
import { BUILT_IN } from './place.js';

/** A mail's words, as plain text and as HTML. */
export interface Mail {
  subject: string;
  text: string;
  html: string;
}

type Templates = Readonly<Record<MailName, Readonly<Record<Part, string>>>>;

/** Writes mails in the words of this deployment. */
export interface MailTemplates {
  write<N extends MailName>(name: N, firstName: string, facts: Facts<N>): Mail;
}

/**
 * Reads every template, and tries those that the deployment has replaced.
 * @throws {ConfigError} with everything that is wrong with any of them
 */
export function openTemplates({ mail, http }: Config): MailTemplates {
  const mistakes = mail.templates === undefined ? [] : strangersIn(mail.templates);
  const templates = Object.fromEntries(
    (Object.keys(MAILS) as MailName[]).map((name) => [name, readMail(name, mail.templates, mistakes)]),
  ) as Templates;
  if (mistakes.length > 0) throw new ConfigError(mistakes.map((mistake) => `MAIL_TEMPLATES: ${mistake}`));
  const everywhere = { product: mail.productName, site: new URL(http.publicUrl).host };
  return {
    write: (name, firstName, facts) =>
      render(templates[name], { ...everywhere, firstName: harmless(firstName), ...facts }),
  };
}

function readMail(name: MailName, folder: string | undefined, mistakes: string[]): Record<Part, string> {
  const read = (part: Part) => {
    const own = folder === undefined ? undefined : join(folder, name, `${part}.mustache`);
    if (own === undefined || !existsSync(own)) return readFileSync(builtIn(name, part), 'utf8');
    const text = readFileSync(own, 'utf8');
    const facts = { ...EVERYWHERE, ...MAILS[name] };
    mistakes.push(...faultsOf(part, text, facts).map((fault) => `${name}/${part}.mustache ${fault}`));
    return text;
  };
  return { subject: read('subject'), text: read('text'), html: read('html') };
}

const builtIn = (name: MailName, part: Part) => join(fileURLToPath(BUILT_IN), name, `${part}.mustache`);

/** What stands in the folder and is no template of ours: most likely a name that is misspelt. */
function strangersIn(folder: string): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return ['is no folder'];
  const visible = (path: string) => readdirSync(path).filter((name) => !/^\.|^README/.test(name));
  const files = PARTS.map((part) => `${part}.mustache`);
  return visible(folder).flatMap((name) => {
    if (!Object.hasOwn(MAILS, name)) return [`${name} is the name of no mail`];
    const path = join(folder, name);
    if (!statSync(path).isDirectory()) return [`${name} must be a folder with ${files.join(', ')}`];
    return visible(path)
      .filter((file) => !files.includes(file))
      .map((file) => `${name}/${file} is no part of a mail; those are ${files.join(', ')}`);
  });
}

function render(template: Readonly<Record<Part, string>>, facts: object): Mail {
  return {
    subject: renderPart('subject', template.subject, facts).replace(/\s+/g, ' ').trim(),
    text: renderPart('text', template.text, facts),
    html: renderPart('html', template.html, facts),
  };
}

/** Whoever signs up chooses the name and the address: what might pass for a message or a link is left out. */
const harmless = (firstName: string) => (/^[\p{L}\p{M}' -]{1,40}$/u.test(firstName) ? firstName : '');
