import type { ProcessLimitName } from '../domain/limits.js';

/**
 * Every path that is answered, and the limit that a request there draws on; what has no row here has no route
 * (src/http.ts takes its paths from this table). Health is asked by those who must have an answer.
 */
export const doorLimits = {
  '/graphql': 'requestsFromAddress',
  '/health': null,
  '/health/live': null,
  '/health/ready': null,
  '/.well-known/jwks.json': 'documentsFromAddress',
  '/.well-known/openid-configuration': 'documentsFromAddress',
  '/.well-known/oauth-authorization-server': 'documentsFromAddress',
  '/oauth/introspect': 'requestsFromAddress',
  '/oauth/revoke': 'requestsFromAddress',
  '/oauth/token': 'requestsFromAddress',
  '/revocations': 'requestsFromAddress',
  '/router/coprocessor': 'callsFromRouter',
  '/verify-email': 'pagesFromAddress',
  '/reset-password': 'pagesFromAddress',
  '/confirm-email-change': 'pagesFromAddress',
  '/undo-email-change': 'pagesFromAddress',
  '/': 'pagesFromAddress',
  '/mailbox': 'pagesFromAddress',
  '/mailbox.json': 'pagesFromAddress',
} as const satisfies Record<string, ProcessLimitName | null>;

export type DoorPath = keyof typeof doorLimits;

/** A path as a page names it that stands beside it. */
export type DoorName = DoorPath extends infer Path ? (Path extends `/${infer Name}` ? Name : never) : never;

/** Whether there is anything at this path. */
export const isDoor = (path: string): path is DoorPath => Object.hasOwn(doorLimits, path);

/** Whether it speaks OAuth, in what it refuses as well. */
export const isOAuthDoor = (path: DoorPath): boolean => path.startsWith('/oauth/') || path === '/revocations';
