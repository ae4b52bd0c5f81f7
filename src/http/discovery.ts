import type { Config } from '../config.js';

/**
 * The discovery document (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): where the keys are and how tokens are signed.
 * @param algorithms those of the published keys
 */
export function discoveryDocument({ http, tokens }: Config, algorithms: readonly string[]): string {
  return JSON.stringify({
    issuer: tokens.issuer,
    jwks_uri: `${http.publicUrl}/.well-known/jwks.json`,
    response_types_supported: ['none'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms,
    claims_supported: [
      'iss',
      'aud',
      'sub',
      'sid',
      'jti',
      'iat',
      'exp',
      'scope',
      'roles',
      'amr',
      'aal',
      'ver',
    ],
  });
}
