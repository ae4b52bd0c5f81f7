import type { Config } from '../config.js';
import { grants } from './oauth/token.js';

/** How services prove themselves at the doors of OAuth (RFC 7591 §2). */
const AUTH_METHODS = ['client_secret_basic', 'client_secret_post'];

/**
 * The discovery document (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): where the doors and keys are and how tokens are signed.
 * @param algorithms those of the published keys
 */
export function discoveryDocument({ http, tokens }: Config, algorithms: readonly string[]): string {
  return JSON.stringify({
    issuer: tokens.issuer,
    jwks_uri: `${http.publicUrl}/.well-known/jwks.json`,
    token_endpoint: `${http.publicUrl}/oauth/token`,
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    introspection_endpoint: `${http.publicUrl}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: [...AUTH_METHODS, 'Bearer'],
    revocation_endpoint: `${http.publicUrl}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    // Ours: server-sent events of what is revoked, see docs/revocations.md.
    revocation_feed_endpoint: `${http.publicUrl}/revocations`,
    grant_types_supported: Object.keys(grants),
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
