import type { IncomingMessage } from 'node:http';
import { HttpException, type ExecutionContext } from '@nestjs/common';
import { AuthClientError } from '../errors.js';
import type { Auth } from '../guard.js';
import type { CallingService } from '../service-guard.js';

/** What the guards read of a request, and leave on it. */
export interface GuardedRequest extends Pick<IncomingMessage, 'rawHeaders' | 'headers'> {
  params?: Record<string, unknown>;
  auth?: Auth;
  callingService?: CallingService;
}

interface GraphQLContext {
  readonly req?: GuardedRequest & { raw?: GuardedRequest };
}

/** The request behind a context: of HTTP, or of GraphQL, where the third argument holds it. */
export function requestOf(context: ExecutionContext): GuardedRequest {
  if (context.getType<string>() !== 'graphql') return context.switchToHttp().getRequest<GuardedRequest>();
  const { req } = context.getArgByIndex<GraphQLContext>(2);
  if (!req) throw new Error('The context of GraphQL must hold the request as `req`.');
  return req;
}

/** Headers as they came, whatever HTTP server is below. */
export function rawOf(request: GuardedRequest): Pick<IncomingMessage, 'rawHeaders' | 'headers'> {
  const { raw } = request as { raw?: GuardedRequest };
  return raw ?? request;
}

/** A parameter of the path, or an argument of the field. */
export function parameterOf(context: ExecutionContext, name: string): unknown {
  return context.getType<string>() === 'graphql'
    ? context.getArgByIndex<Record<string, unknown> | undefined>(1)?.[name]
    : requestOf(context).params?.[name];
}

interface ResponseLike {
  setHeader?(name: string, value: string): unknown;
  header?(name: string, value: string): unknown;
}

/** An error of this library as one of Nest's, its headers set on the answer; others as they are. */
export function toHttpException(context: ExecutionContext, error: unknown): unknown {
  if (!(error instanceof AuthClientError)) return error;
  if (context.getType<string>() === 'http') {
    const response = context.switchToHttp().getResponse<ResponseLike>();
    const set = (response.setHeader ?? response.header)?.bind(response);
    for (const [name, value] of Object.entries(error.headers)) set?.(name, value);
  }
  const { message, ...extensions } = error.toJSON();
  const body = { statusCode: error.status, message, ...extensions };
  // What GraphQL tells of an error beside its message.
  return Object.assign(new HttpException(body, error.status, { cause: error }), { extensions });
}
