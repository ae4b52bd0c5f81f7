import type { EdgeClaims } from '../../domain/edge.js';
import type { AuthError, ErrorCode } from '../../errors.js';
import { SECRET_HEADER } from '../door.js';
import { valuesOf, without, type Envelope, type HeaderLists } from './envelope.js';

/** Where the router's own JWT authentication puts the claims of a token, and its directives look for them. */
const ROUTERS_CLAIMS = 'apollo::authentication::jwt_claims';
/** Where scripts and other coprocessors find whom a request is of. */
const SUBJECT = 'authgraph::subject';
const OURS: readonly string[] = [ROUTERS_CLAIMS, SUBJECT];

/** How a request goes on. */
interface GoingOn {
  claims?: EdgeClaims;
  /** What stands in Authorization from now on: null for nothing, undefined for what stood there. */
  authorization?: string | null;
}

const addressed = ({ stage, id }: Envelope) => ({ version: 1, stage, ...(id === undefined ? {} : { id }) });

/**
 * Lets a response go on as it is. To go on means status 200 for the router, which asks for no `control` of a response: only where it
 * sent one it gets it back.
 */
export const letPass = (envelope: Envelope): object => ({
  ...addressed(envelope),
  ...(envelope.isControlled ? { control: 'continue' } : {}),
});

/** Lets a request go on, with whoever makes it in the router's context. */
export function goOn(envelope: Envelope, { claims, authorization }: GoingOn): object {
  const headers = headersOf(envelope, authorization);
  const entries = entriesOf(envelope, claims);
  const passing = { ...addressed(envelope), control: 'continue' };
  return { ...passing, ...(headers && { headers }), ...(entries && { context: { entries } }) };
}

/** The router takes what is answered for all there is. @returns undefined where nothing changes */
function headersOf(
  { stage, headers = {} }: Envelope,
  authorization?: string | null,
): HeaderLists | undefined {
  // On its way to a subgraph it is that subgraph's, which may be us.
  const isProof = stage !== 'SubgraphRequest' || authorization !== undefined;
  const gone = [
    ...(isProof && valuesOf(headers, SECRET_HEADER).length > 0 ? [SECRET_HEADER] : []),
    ...(authorization === undefined ? [] : ['authorization']),
  ];
  if (gone.length === 0) return undefined;
  const left = without(headers, gone);
  return typeof authorization === 'string' ? { ...left, authorization: [authorization] } : left;
}

/** What was sent must come back, or the router forgets it; of ours nothing is believed that came. */
function entriesOf({ entries: sent }: Envelope, claims?: EdgeClaims): object | undefined {
  const isOurs = (name: string) => OURS.includes(name);
  if (!claims && !Object.keys(sent ?? {}).some(isOurs)) return undefined;
  const others = Object.entries(sent ?? {}).filter(([name]) => !isOurs(name));
  // Never null: for the router a claim that is there, whatever it is, means that somebody is signed in.
  const ours = claims ? { [ROUTERS_CLAIMS]: claims, [SUBJECT]: subjectOf(claims) } : {};
  return { ...Object.fromEntries(others), ...ours };
}

const subjectOf = (claims: EdgeClaims) => ({
  type: claims['subject_type'],
  id: claims['sub'],
  issuer: claims['iss'],
  sessionId: claims['sid'] ?? null,
  aal: claims['aal'] ?? null,
  role: claims['role'],
  roles: claims['roles'],
  permissions: claims['permissions'],
});

/** The HTTP status that the router answers its client with. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  FORBIDDEN: 403,
  RATE_LIMITED: 429,
  SERVICE_UNAVAILABLE: 503,
};

/**
 * Ends a request: the router answers its client in our words.
 * @param reason what is wrong with the token, where that is why
 */
export function breakOff(
  envelope: Envelope,
  { code, message, extensions }: AuthError,
  reason?: string,
): object {
  const status = STATUS[code] ?? 401;
  const told = { ...extensions, ...(reason === undefined ? {} : { reason }) };
  const body = { errors: [{ message, extensions: told }] };
  return {
    ...addressed(envelope),
    control: { break: status },
    headers: headersWith(status, extensions['retryAfterSeconds']),
    // In the router's own stages a text, in all others what it says.
    body: envelope.stage === 'RouterRequest' ? JSON.stringify(body) : body,
  };
}

function headersWith(status: number, wait: unknown = 1): HeaderLists {
  return {
    'content-type': ['application/json'],
    'cache-control': ['no-store'],
    ...(status === 401 ? { 'www-authenticate': ['Bearer realm="authgraph", error="invalid_token"'] } : {}),
    ...(status === 429 || status === 503 ? { 'retry-after': [String(wait)] } : {}),
  };
}
