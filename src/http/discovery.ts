import type { Config } from '../config.js';

/** How services prove themselves at the doors of OAuth (RFC 7591 §2). */
const AUTH_METHODS = ['client_secret_basic', 'client_secret_post'];

/** What is the same whether accounts are kept or not. */
const introspection = ({ http }: Config) => ({
  jwks_uri: `${http.publicUrl}/.well-known/jwks.json`,
  introspection_endpoint: `${http.publicUrl}/oauth/introspect`,
  introspection_endpoint_auth_methods_supported: [...AUTH_METHODS, 'Bearer'],
  response_types_supported: ['none'],
  subject_types_supported: ['public'],
});

/**
 * The discovery document (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): where the doors and keys are and how tokens are signed.
 * @param algorithms those of the published keys
 * @param grants those that are answered
 */
export function discoveryDocument(
  config: Config,
  algorithms: readonly string[],
  grants: readonly string[],
): string {
  const { http, tokens } = config;
  return JSON.stringify({
    issuer: tokens.issuer,
    ...introspection(config),
    token_endpoint: `${http.publicUrl}/oauth/token`,
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint: `${http.publicUrl}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    // Ours: server-sent events of what is revoked, see docs/revocations.md.
    revocation_feed_endpoint: `${http.publicUrl}/revocations`,
    grant_types_supported: grants,
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

/** The same of a service without accounts, which issues nothing: libraries find introspection by it. */
export const statelessDiscoveryDocument = (config: Config): string =>
  JSON.stringify({
    issuer: config.tokens.issuer,
    ...introspection(config),
    grant_types_supported: [],
    id_token_signing_alg_values_supported: [],
  });
