export { AuthClientModule, type AuthClientModuleAsyncOptions } from './nestjs/module.js';
export { AuthClientService, AUTH_CLIENT } from './nestjs/service.js';
export { AuthGuard } from './nestjs/auth-guard.js';
export { ServiceTokenGuard, type CallingService } from './nestjs/service-token-guard.js';
export {
  CurrentAuth,
  CurrentService,
  Public,
  RequirePermissions,
  RequireSelf,
  RequireServices,
  type RequireSelfOptions,
} from './nestjs/decorators.js';
