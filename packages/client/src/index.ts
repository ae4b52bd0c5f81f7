export { createAuthClient, type AuthClient, type CallHeadersOptions, type ClientStatus } from './client.js';
export type { AuthClientOptions, Clock } from './options.js';
export type { ClientEvent, Mode } from './events.js';
export { AuthClientError, type AuthClientErrorDetails } from './errors.js';
export type {
  Question,
  ServiceAccess,
  ServiceTokenVerification,
  Subject,
  TokenVerification,
  UserRecord,
} from './answers.js';
export type { SubjectType, TokenRejection } from './answers.js';
export { authenticate, requireSelf, requireSelfOr, type Auth, type Rule } from './guard.js';
export { authenticateService, type CallingService } from './service-guard.js';
