/** An answer as RFC 7662 §2.2 has it, with what we add to it. Nothing but `active` unless the token is. */
export type Introspection = { active: false } | ({ active: true } & Record<string, unknown>);

export const INACTIVE: Introspection = { active: false };

/** What a verification has found, whoever issued the token. */
interface Found {
  subject: {
    type: string;
    externalId?: string;
    username: string | null;
    email: string | null;
    role: string | null;
    roles: readonly string[];
    permissions: readonly string[];
  } | null;
  scopes: readonly string[];
  /** By the names of the standards; what a token does not say is left out. */
  claims: object | null;
}

/** Claims that are told, where there are any, in this order. */
const TOLD = ['client_id', 'username', 'exp', 'iat', 'nbf', 'sub', 'aud', 'iss', 'jti', 'sid', 'amr', 'aal'];

/**
 * Says in the words of RFC 7662 what a verification has found.
 * @param known what the token itself does not say
 */
export function introspectionOf(
  { subject, scopes, claims }: Found,
  known: { client_id?: string; username?: string | undefined } = {},
): Introspection {
  if (!subject || !claims) return INACTIVE;
  const { type, externalId, username, email, role, roles, permissions } = subject;
  const said: Record<string, unknown> = { ...claims, ...known, ...(username === null ? {} : { username }) };
  const told = TOLD.filter((name) => said[name] !== undefined).map((name) => [name, said[name]]);
  return {
    active: true,
    scope: scopes.join(' '),
    token_type: 'Bearer',
    ...(Object.fromEntries(told) as object),
    role,
    roles,
    permissions,
    subject_type: type,
    ...(externalId === undefined ? {} : { external_id: externalId, ...(email === null ? {} : { email }) }),
  };
}

/** What is added where a service was named, which the subject may have access to. */
export const describedAt = (
  name: string | null,
  access: { valid: boolean; role: { name: string } | null; status: string } | null | undefined,
) => ({
  service_name: name,
  service_valid: access?.valid === true,
  service_role: access?.role?.name ?? null,
  service_status: access?.status ?? null,
});
