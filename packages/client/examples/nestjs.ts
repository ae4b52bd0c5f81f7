import 'reflect-metadata';
import type { AuthClient } from '@authgraph/client';
import {
  AuthClientModule,
  AuthClientService,
  AuthGuard,
  CurrentAuth,
  CurrentService,
  RequirePermissions,
  RequireSelf,
  RequireServices,
  ServiceTokenGuard,
  type CallingService,
} from '@authgraph/client/nestjs';
import type { Auth } from '@authgraph/client';
import { Body, Controller, Get, Headers, Inject, Module, Param, Post, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { addRecord, recordsOf } from './records.js';
import { runIfMain, type Running } from './run.js';

@Controller('records')
@UseGuards(AuthGuard)
class RecordsController {
  @Get(':patientId')
  @RequireSelf('patientId', { or: 'records:read' })
  read(@Param('patientId') patientId: string) {
    return recordsOf(patientId);
  }

  @Post(':patientId')
  @RequirePermissions('records:write')
  add(@Param('patientId') patientId: string, @Body('finding') finding: string, @CurrentAuth() auth: Auth) {
    addRecord(patientId, finding);
    return { by: auth.subject.id };
  }
}

/** What only other services may ask. */
@Controller('internal')
@UseGuards(ServiceTokenGuard)
class InternalController {
  constructor(@Inject(AuthClientService) private readonly auth: AuthClientService) {}

  @Get('invoices')
  @RequireServices('billing')
  invoices(@CurrentService() service: CallingService) {
    return { for: service.name };
  }

  @Get('whose-token')
  @RequireServices('billing', 'pharmacy')
  async whose(@Headers('x-user-token') token: string) {
    const { valid, subject } = await this.auth.validateToken(token);
    return { valid, subject: subject?.id ?? null };
  }
}

/** Patients read their own records, staff with records:read anybody's; billing and the pharmacy have a door of their own. */
export async function startNestjs(auth: AuthClient, port = 0): Promise<Running> {
  @Module({ imports: [AuthClientModule.forRoot(auth)], controllers: [RecordsController, InternalController] })
  class AppModule {}

  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(port, '127.0.0.1');
  return { url: await app.getUrl(), close: () => app.close() };
}

await runIfMain(import.meta.url, startNestjs);
