import { createRequire } from 'node:module';

// CommonJS without types. The list is Mozilla's (MPL-2.0), of common passwords of eight and more characters.
const commonPasswords = createRequire(import.meta.url)('fxa-common-password-list') as {
  test(password: string): boolean;
};

/** What people append to a common word to please a rule: up to four digits and signs. */
const APPENDED = /[^\p{L}]{1,4}$/u;

/** What the list is too short for, where PASSWORD_MIN_LENGTH allows six: what is tried first of six and seven characters. */
const SHORT = new Set(
  `000000 0000000 101010 111111 1111111 112233 121212 123123 123321 1234567 123456 123654 131313 147258 159753 222222
   232323 333333 444444 5555555 555555 654321 666666 696969 7654321 7777777 777777 888888 987654 999999 1q2w3e 1qaz2wsx
   a1b2c3 aaaaaa abc123 abcd123 abcdef abcdefg admin1 amanda andrea andrew arsenal ashley asdfgh asdfghj bailey banana
   batman biteme buster changeme charlie cheese chelsea chicken cookie daniel default dragon flower foobar freedom
   friends ginger hannah hello1 hockey hunter iloveu jessica jordan joshua justin killer letmein liverpool london loveme
   maggie master matthew merlin michael monkey mustang naruto nicole orange passw0rd pepper pokemon princess purple
   qazwsx qwerty qwertyu ranger samsung secret shadow silver soccer spring summer sunshine taylor thomas thunder tigger
   trustno1 welcome whatever winter yankees zaq12wsx zxcvbn zxcvbnm`.split(/\s+/),
);

/** The name of the service itself, which nobody has to guess. */
const OURS = 'authgraph';

const isListed = (word: string) => word === OURS || SHORT.has(word) || commonPasswords.test(word);

/** Whether a password, in lower case, is on the list, as it stands or with a few digits and signs appended. */
export function isCommonPassword(folded: string): boolean {
  return isListed(folded) || isListed(folded.replace(APPENDED, ''));
}
