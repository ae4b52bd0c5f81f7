/** The operations that this library sends; variables only, so that the service parses each text once. */
const ANSWER =
  'valid reason subject { id type externalId username email role roles permissions } sessionId issuer scopes expiresAt';
const ACCESS = 'service { service { id name status } role { id name permissions } status expiresAt valid }';

export const VERIFY_TOKENS = `query VerifyTokens($requests: [TokenVerificationRequest!]!) {
  verifyTokens(requests: $requests) { ${ANSWER} ${ACCESS} } }`;

export const VERIFY_SERVICE_TOKEN = `query VerifyServiceToken($serviceName: String!, $token: String!) {
  verifyServiceToken(serviceName: $serviceName, token: $token) {
    valid reason service { id name status } scopes expiresAt } }`;

export const USER = `query UserById($id: ID!) {
  user(id: $id) { id username email firstName lastName status } }`;

export const REVOKE = 'mutation Revoke($token: String!) { revoke(token: $token) }';
