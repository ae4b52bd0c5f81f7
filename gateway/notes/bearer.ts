import { GraphQLError } from 'graphql';
import { createRemoteJWKSet, jwtVerify, type JWTVerifyOptions } from 'jose';

/** Where tokens come from and whom they must be meant for. */
export interface TokenTrust {
  /** The auth service's JWK set. */
  jwksUrl: string;
  /** `iss`, exactly. */
  issuer: string;
  /** `aud`, exactly. */
  audience: string;
}

/** Answers the account id behind an `Authorization` header. */
export type SubjectOf = (authorization: string | undefined) => Promise<string>;

/**
 * How any subgraph learns who is asking: it verifies the bearer that the gateway passed on, by the auth service's
 * public keys alone. It believes no header such as `x-user-id`, which anybody could send.
 *
 * Local verification does not hear of revocations before the token expires. Where minutes matter, ask `verifyToken`.
 *
 * @returns a function that throws UNAUTHENTICATED without a valid token
 * @see RFC 9068 section 4
 */
export function subjectFromBearer({ jwksUrl, issuer, audience }: TokenTrust): SubjectOf {
  const keys = createRemoteJWKSet(new URL(jwksUrl));
  const expected: JWTVerifyOptions = {
    issuer,
    audience,
    typ: 'at+jwt',
    algorithms: ['ES256', 'EdDSA', 'RS256'],
    requiredClaims: ['sub', 'sid', 'jti', 'iat', 'exp'],
    clockTolerance: 5,
  };
  return async (authorization) => {
    const token = /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1];
    if (!token) throw unauthenticated();
    const verified = await jwtVerify(token, keys, expected).catch(() => undefined);
    if (!verified?.payload.sub) throw unauthenticated();
    return verified.payload.sub;
  };
}

const unauthenticated = () =>
  new GraphQLError('Sign in to write a note', { extensions: { code: 'UNAUTHENTICATED' } });
