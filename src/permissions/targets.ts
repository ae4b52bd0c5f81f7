/**
 * What the domain asks, inside the transaction, about whom or what a mutation names: the third column of the table. It is
 * told here and asked there (src/domain/access.ts). Owners are exempt from rank and from having to hold a permission.
 *
 * @see test/integration/permission-matrix.test.ts, which executes every cell
 */
export const targets = {
  self: 'The account that asks; no other can be named.',
  lower: 'An account of lower rank than one’s own.',
  'self, lower': 'One’s own account, or one of lower rank.',
  'self, sessions:manage': 'One’s own account, or with `sessions:manage` one of lower rank.',
  'self, users:export': 'One’s own account, or with `users:export` any.',
  role: 'Roles of lower rank than one’s own that carry only what one holds, before and after.',
  held: 'Permissions that one holds, before and after.',
  scopes: 'Scopes for which one holds the permission.',
  'lower & role': 'An account of lower rank, and roles of lower rank that carry only what one holds.',
  'lower & held': 'An account of lower rank, and business roles that carry only what one holds.',
} as const;

/** One cell of the third column; its words are joined by "," where one of them is enough and by "&" where all must hold. */
export type Target = keyof typeof targets;
