import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { AuthClient } from '../client.js';
import { requireSelf, type Auth } from '../guard.js';
import { authenticateRequest } from '../http.js';
import { PERMISSIONS, PUBLIC, SELF, type SelfRule } from './decorators.js';
import { parameterOf, rawOf, requestOf, toHttpException } from './request.js';
import { AUTH_CLIENT } from './service.js';

/** Lets in who shows a good token, holds what `@RequirePermissions` names and is whom `@RequireSelf` means. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    @Inject(AUTH_CLIENT) private readonly client: AuthClient,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const places = [context.getHandler(), context.getClass()];
    if (this.isOpen(context, places)) return true;
    const requires = places.flatMap(
      (place) => this.reflector.get<string[] | undefined>(PERMISSIONS, place) ?? [],
    );
    const self = this.reflector.getAllAndOverride<SelfRule | undefined>(SELF, places);
    const request = requestOf(context);
    try {
      const auth = await authenticateRequest(this.client, rawOf(request), { requires });
      if (self) requireOwn(auth, self, parameterOf(context, self.parameter));
      request.auth = auth;
      return true;
    } catch (error) {
      throw toHttpException(context, error);
    }
  }

  /** A method that asks for something is no open one, however open its class is. */
  private isOpen(context: ExecutionContext, places: Parameters<Reflector['getAll']>[1]): boolean {
    const isAsking = [PERMISSIONS, SELF].some(
      (what) => this.reflector.get<unknown>(what, context.getHandler()) !== undefined,
    );
    return !isAsking && this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC, places) === true;
  }
}

function requireOwn({ subject }: Auth, { or }: SelfRule, ownerId: unknown): void {
  if (or !== undefined && subject.permissions.includes(or)) return;
  requireSelf(subject, typeof ownerId === 'string' ? ownerId : undefined);
}
