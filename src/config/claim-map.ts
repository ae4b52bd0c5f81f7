import { z } from 'zod';

/** The way to a claim: the names of the members, from the outside in. */
export type ClaimPath = readonly string[];

/** What people write about themselves at their issuer: nothing that is read there says anything about them. */
const SELF_WRITTEN = /(^|[/:_.-])(user_?metadata|raw_user_meta_data|unsafe_?metadata)$/i;

const name = z.string().max(500);
const form = z.union([
  name,
  z
    .array(z.union([name, z.array(name).min(1).max(10)]))
    .min(1)
    .max(20),
]);

/** A text is one path. A list is several: each a text, or a list of the names one by one. */
const paths = form
  .transform((given) => (typeof given === 'string' ? [given] : given).map(namesOf))
  .refine((all) => all.flat().every((one) => one !== ''), 'has an empty name')
  .refine(
    (all) => !all.flat().some((one) => SELF_WRITTEN.test(one)),
    'must not be what users write about themselves (user_metadata)',
  );

/** In a text a dot goes one level down, as in `realm_access.roles`; `https://example.com/roles` is one name. */
function namesOf(path: string | string[]): ClaimPath {
  if (typeof path !== 'string') return path;
  return path.includes('://') ? [path] : path.split('.');
}

/** Where an issuer's tokens say what, by an allow-list of paths; nothing else of them is read. */
export const claimMap = z.strictObject({
  subject: paths.optional(),
  username: paths.optional(),
  email: paths.optional(),
  role: paths.optional(),
  roles: paths.optional(),
  permissions: paths.optional(),
});

/** Paths by what they tell. Of `subject`, `username`, `email` and `role` the first that is there counts; of the others all. */
export type ClaimMap = {
  readonly [Name in keyof z.output<typeof claimMap>]?: readonly ClaimPath[] | undefined;
};
