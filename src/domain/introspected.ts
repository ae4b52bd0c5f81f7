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
  // Asked of every introspection: nothing is put together to be taken apart again.
  const answer: { active: true } & Record<string, unknown> = {
    active: true,
    scope: scopes.join(' '),
    token_type: 'Bearer',
  };
  const said: Record<string, unknown> = claims as Record<string, unknown>;
  const own: Record<string, unknown> = username === null ? known : { ...known, username };
  for (const name of TOLD) {
    const value = name in own ? own[name] : said[name];
    if (value !== undefined) answer[name] = value;
  }
  Object.assign(answer, { role, roles, permissions, subject_type: type });
  if (externalId === undefined) return answer;
  return { ...answer, external_id: externalId, ...(email === null ? {} : { email }) };
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
