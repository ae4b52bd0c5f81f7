/** Whether this runs as it was built, in dist/, or from its sources: in development, and under test. */
const isBuilt = !import.meta.url.endsWith('.ts');

/** The templates that come along: a folder for each mail, a file in it for each part. */
export const BUILT_IN = new URL(
  'data/mail/',
  new URL(isBuilt ? '../../../../' : '../../../', import.meta.url),
);
