import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { AuthClient } from '../client.js';
import { authenticateService, type CallingService } from '../service-guard.js';
import { SERVICES } from './decorators.js';
import { rawOf, requestOf, toHttpException } from './request.js';
import { AUTH_CLIENT } from './service.js';

export type { CallingService };

/** Lets in the services that `@RequireServices` names, by the token in `x-service-token` or as the bearer; without it, none. */
@Injectable()
export class ServiceTokenGuard implements CanActivate {
  constructor(
    @Inject(AUTH_CLIENT) private readonly client: AuthClient,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const places = [context.getHandler(), context.getClass()];
    const names = this.reflector.getAllAndOverride<string[] | undefined>(SERVICES, places) ?? [];
    const request = requestOf(context);
    try {
      request.callingService = await authenticateService(this.client, rawOf(request), names);
      return true;
    } catch (error) {
      throw toHttpException(context, error);
    }
  }
}
