import {
  Inject,
  Module,
  type DynamicModule,
  type InjectionToken,
  type ModuleMetadata,
  type OnModuleDestroy,
  type OptionalFactoryDependency,
  type Provider,
} from '@nestjs/common';
import { createAuthClient, type AuthClient } from '../client.js';
import type { AuthClientOptions } from '../options.js';
import { AuthGuard } from './auth-guard.js';
import { AUTH_CLIENT, AuthClientService } from './service.js';
import { ServiceTokenGuard } from './service-token-guard.js';

/** Options that come from elsewhere, such as a configuration service. */
export interface AuthClientModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever was asked to be injected
  readonly useFactory: (...injected: any[]) => AuthClientOptions | Promise<AuthClientOptions>;
}

/** Provides the client, `AuthClientService` and the guards to the whole application, and closes the client with it. */
@Module({})
export class AuthClientModule implements OnModuleDestroy {
  constructor(@Inject(AUTH_CLIENT) private readonly client: AuthClient) {}

  /** With these options, the rest from the environment; a client that is open already is taken as it is. */
  static forRoot(options: AuthClientOptions | AuthClient = {}): DynamicModule {
    const useFactory = () => ('verify' in options ? options : createAuthClient(options));
    return moduleWith([{ provide: AUTH_CLIENT, useFactory }]);
  }

  /** With options that a factory makes. */
  static forRootAsync({
    imports = [],
    inject = [],
    useFactory,
  }: AuthClientModuleAsyncOptions): DynamicModule {
    const open = async (...injected: unknown[]) => createAuthClient(await useFactory(...injected));
    return { ...moduleWith([{ provide: AUTH_CLIENT, inject, useFactory: open }]), imports };
  }

  onModuleDestroy(): void {
    this.client.close();
  }
}

function moduleWith(providers: Provider[]): DynamicModule {
  const own = [AuthClientService, AuthGuard, ServiceTokenGuard];
  return {
    module: AuthClientModule,
    global: true,
    providers: [...providers, ...own],
    exports: [AUTH_CLIENT, ...own],
  };
}
