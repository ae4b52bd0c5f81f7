// `node scripts/make-blocklist.mjs`: data/common-passwords.bin from the public lists that data/README.md names. Run it after one
// of their packages was updated, and commit what it writes; `--check` only says whether that is what it would write.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const TARGET = fileURLToPath(new URL('../data/common-passwords.bin', import.meta.url));
/** PASSWORD_MIN_LENGTH cannot be less. */
const SHORTEST = 6;
/** So many bytes of each SHA-256 are kept; src/domain/passwords/blocklist.ts reads as many. */
const KEPT_BYTES = 5;

const require = createRequire(import.meta.url);
const { dictionary } = require('@zxcvbn-ts/language-common');
const lists = [dictionary['passwords-common'], require('popular-passwords')];

const words = new Set(
  lists
    .flat()
    .map((word) => word.normalize('NFKC').toLowerCase())
    .filter((word) => [...word].length >= SHORTEST),
);
const digests = [...words].map((word) => createHash('sha256').update(word).digest().subarray(0, KEPT_BYTES));
const bytes = Buffer.concat(digests.sort(Buffer.compare));

if (process.argv.includes('--check')) {
  const isSame = readFileSync(TARGET).equals(bytes);
  console.log(
    isSame
      ? 'data/common-passwords.bin is what the lists make of it.'
      : 'data/common-passwords.bin is not what the lists make of it.',
  );
  process.exitCode = isSame ? 0 : 1;
} else {
  writeFileSync(TARGET, bytes);
  console.log(`${words.size} passwords, ${bytes.length} bytes`);
}
