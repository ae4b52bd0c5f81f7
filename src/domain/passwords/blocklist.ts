import { createRequire } from 'node:module';

// CommonJS without types. The list is Mozilla's (MPL-2.0), of common passwords of eight and more characters.
const commonPasswords = createRequire(import.meta.url)('fxa-common-password-list') as {
  test(password: string): boolean;
};

/** What people append to a common word to please a rule: up to four digits and signs. */
const APPENDED = /[^\p{L}]{1,4}$/u;

/** Whether a password, in lower case, is on the list, as it stands or with a few digits and signs appended. */
export function isCommonPassword(folded: string): boolean {
  return commonPasswords.test(folded) || commonPasswords.test(folded.replace(APPENDED, ''));
}
