// `npm run mail:templates -- <folder>`: write out the templates of all mails, to be edited there and named by MAIL_TEMPLATES.
// What is in the folder already stays as it is.
import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('Say where to: npm run mail:templates -- folder\n');
  process.exit(1);
}
cpSync(fileURLToPath(new URL('../data/mail', import.meta.url)), folder, { recursive: true, force: false });
process.stdout.write(`The templates are in ${folder}. Set MAIL_TEMPLATES to it.\n`);
