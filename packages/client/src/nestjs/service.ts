import { Inject, Injectable } from '@nestjs/common';
import type { Question, ServiceTokenVerification, TokenVerification, UserRecord } from '../answers.js';
import type { AuthClient, CallHeadersOptions } from '../client.js';
import { authenticate, type Auth, type Rule } from '../guard.js';

/** What the client is provided as. */
export const AUTH_CLIENT = Symbol.for('@authgraph/client');

/** The client in the words of services that ask for their users' tokens. */
@Injectable()
export class AuthClientService {
  constructor(@Inject(AUTH_CLIENT) readonly client: AuthClient) {}

  /** Whether a token may be trusted now, and for this; data, however malformed it is. */
  validateToken(token: string, question?: Question): Promise<TokenVerification> {
    return this.client.verify(token, question);
  }

  /** Who holds a token. @throws {AuthClientError} UNAUTHENTICATED, ACCOUNT_DELETED, ACCOUNT_SUSPENDED, FORBIDDEN */
  validateUser(token: string, rule?: Rule): Promise<Auth> {
    return authenticate(this.client, `Bearer ${token}`, rule);
  }

  /** Whether this is a live token of the service with that name. */
  validateServiceToken(serviceName: string, token: string): Promise<ServiceTokenVerification> {
    return this.client.verifyServiceToken(serviceName, token);
  }

  /** Ends a token and its session. */
  revokeToken(token: string): Promise<boolean> {
    return this.client.revoke(token);
  }

  /** An account; undefined for none. */
  getUser(id: string): Promise<UserRecord | undefined> {
    return this.client.getUser(id);
  }

  /** Headers for a call of another service. */
  callHeaders(options?: CallHeadersOptions): Promise<Record<string, string>> {
    return this.client.callHeaders(options);
  }
}
