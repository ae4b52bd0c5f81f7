import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { COMMON_PASSWORDS } from './place.js';

/** What people append to a common word to please a rule: up to four digits and signs. */
const APPENDED = /[^\p{L}]{1,4}$/u;

/** The name of the service itself, which nobody has to guess; what people know the deployment by comes beside it. */
const OURS = 'authgraph';

/** Of each listed password the file holds the first five bytes of its SHA-256, in order; see data/README.md. */
const KEPT_BYTES = 5;
let digests: Buffer | undefined;

/**
 * Whether a password, in lower case, is on the list or the name of the deployment, as it stands or with a few digits and
 * signs appended.
 */
export function isCommonPassword(folded: string, deployment: string): boolean {
  const names = [OURS, deployment.normalize('NFKC').toLowerCase()];
  return [folded, folded.replace(APPENDED, '')].some((word) => names.includes(word) || isListed(word));
}

function isListed(word: string): boolean {
  digests ??= readFileSync(COMMON_PASSWORDS);
  const wanted = createHash('sha256').update(word).digest();
  let [low, high] = [0, digests.length / KEPT_BYTES];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = digests.compare(wanted, 0, KEPT_BYTES, middle * KEPT_BYTES, (middle + 1) * KEPT_BYTES);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}
