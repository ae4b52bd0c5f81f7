/** Whether this runs as it was built, in dist/, or from its sources: in development, and under test. */
const isBuilt = !import.meta.url.endsWith('.ts');
const root = new URL(isBuilt ? '../../../../' : '../../../', import.meta.url);

/** The program of a hashing process. The sources use the built one too: scripts/dev.mjs and scripts/test.mjs build it. */
export const HASHER = new URL('dist/src/domain/passwords/hasher.js', root);

/** The program of a thread that hashes. */
export const HASHING_THREAD = new URL('dist/src/domain/passwords/hashing-thread.js', root);

/** The common passwords, as scripts/make-blocklist.mjs writes them. */
export const COMMON_PASSWORDS = new URL('data/common-passwords.bin', root);
