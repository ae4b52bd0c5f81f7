import { createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { Auth } from '../guard.js';
import { requestOf } from './request.js';
import type { CallingService } from '../service-guard.js';

export const PERMISSIONS = 'authgraph:permissions';
export const SELF = 'authgraph:self';
export const PUBLIC = 'authgraph:public';
export const SERVICES = 'authgraph:services';

/** Own data: which parameter names its owner, and who else may. */
export interface RequireSelfOptions {
  /** Holders of this permission may as well. */
  readonly or?: string;
}

/** What `@RequireSelf` leaves for the guard. */
export interface SelfRule extends RequireSelfOptions {
  readonly parameter: string;
}

/** Lets in only holders of all of these permissions; those of the class and of the method add up. */
export const RequirePermissions = (...permissions: string[]) => SetMetadata(PERMISSIONS, permissions);

/** Lets in only the account whose id this parameter of the path, or argument of the field, is. */
export const RequireSelf = (parameter: string, options: RequireSelfOptions = {}) =>
  SetMetadata(SELF, { ...options, parameter } satisfies SelfRule);

/** Lets everybody in, where a guard stands before everything; of a class, not to methods that ask for something themselves. */
export const Public = () => SetMetadata(PUBLIC, true);

/** Which services {@link ServiceTokenGuard} lets in, by name. */
export const RequireServices = (...names: string[]) => SetMetadata(SERVICES, names);

/** Who makes the request, as a parameter of a method behind `AuthGuard`. */
export const CurrentAuth = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Auth | undefined => requestOf(context).auth,
);

/** The service that makes the request, as a parameter of a method behind `ServiceTokenGuard`. */
export const CurrentService = createParamDecorator(
  (_data: unknown, context: ExecutionContext): CallingService | undefined =>
    requestOf(context).callingService,
);
