export { createSession, type Session, type SessionOptions } from './browser/session.js';
export {
  SessionError,
  type SessionChange,
  type SessionTokens,
  type SignInOutcome,
} from './browser/tokens.js';
export { browserStorage, memoryStorage, type SessionStorage } from './browser/storage.js';
export { createAuthLink, type ApolloParts } from './browser/apollo-link.js';
