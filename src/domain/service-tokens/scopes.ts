/**
 * What a service token may carry besides verifying for its own service, and the permission that whoever gives it must
 * hold. Beside these a token may carry permissions of applications, which mean something to the services that it calls.
 * Scopes are checked where permissions/table.ts or the domain names them.
 */
export const serviceScopes: Readonly<Record<string, { readonly givenBy: string }>> = {
  /** Accounts with their private fields. */
  'users:read': { givenBy: 'users:read' },
  /** Users' tokens as seen by any other service. */
  'tokens:introspect': { givenBy: 'tokens:introspect' },
  /** Ending any token of ours that the service was shown. */
  'tokens:revoke': { givenBy: 'sessions:manage' },
};

/** Whether there is such a scope; `toString` is none. */
export const isServiceScope = (name: string): boolean => Object.hasOwn(serviceScopes, name);

/** The permissions that somebody who gives these scopes must hold. */
export const permissionsFor = (scopes: readonly string[]): string[] =>
  scopes.map((scope) => serviceScopes[scope]?.givenBy ?? scope);
