import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  ApolloServer,
  HeaderMap,
  type GraphQLRequestListener,
  type HTTPGraphQLResponse,
} from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import type { GraphQLSchema, ValidationRule } from 'graphql';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import type { Client } from '../domain/client.js';
import { readJson } from './body.js';
import { knowOperations, type Answer } from './known-operations.js';
import { presentErrors, type Answering } from './present-errors.js';

/** Answers one request that came through the door. */
export interface GraphQLEndpoint {
  post(request: IncomingMessage, response: ServerResponse, client: Client): Promise<void>;
  /** Apollo Sandbox, in development. */
  page(request: IncomingMessage, response: ServerResponse): Promise<void>;
  close(): Promise<void>;
}

/** Longest document, in tokens of the language: what is longer is not even parsed. */
const MOST_TOKENS = 1000;

/** Starts Apollo Server behind our own HTTP adapter, which costs a fraction of what a web framework does. */
export async function openGraphQL<Context extends Answering>(
  { config: { production }, log }: { config: Pick<Config, 'production'>; log: Logger },
  schema: GraphQLSchema,
  rules: ValidationRule[],
  contextOf: (request: IncomingMessage, client: Client) => Promise<Context>,
): Promise<GraphQLEndpoint> {
  const known = knowOperations<Context>(schema);
  const listener: GraphQLRequestListener<Context> = {
    ...presentErrors,
    didResolveOperation: (request) => Promise.resolve(known.met(request)),
  };
  const server = new ApolloServer<Context>({
    schema,
    introspection: !production,
    hideSchemaDetailsFromClientErrors: production,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    persistedQueries: false,
    allowBatchedHttpRequests: false,
    csrfPrevention: true,
    parseOptions: { maxTokens: MOST_TOKENS },
    validationRules: rules,
    logger: log,
    plugins: [
      { requestDidStart: () => Promise.resolve(listener) },
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
      ApolloServerPluginCacheControlDisabled(),
      production
        ? ApolloServerPluginLandingPageDisabled()
        : ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false }),
    ],
  });
  await server.start();
  return {
    async post(request, response, client) {
      const body = await readJson(request);
      const context = await contextOf(request, client);
      const { accept } = request.headers;
      const answer = await known.answer({ body, accept }, context);
      if (answer) return finish(response, 200, answer);
      const result = await server.executeHTTPGraphQLRequest({
        httpGraphQLRequest: { method: 'POST', headers: headersOf(request), search: '', body },
        context: () => Promise.resolve(context),
      });
      const { isGraphQL } = context.progress;
      if (isGraphQL && result.status === undefined)
        known.speaks(accept, result.headers.get('content-type') ?? '');
      send(response, result, isGraphQL);
    },
    async page(request, response) {
      const httpGraphQLRequest = { method: 'GET', headers: headersOf(request), search: '', body: undefined };
      const result = await server.executeHTTPGraphQLRequest({
        httpGraphQLRequest,
        context: () => Promise.reject(new Error('a page has no context')),
      });
      send(response, result, false);
    },
    close: () => server.stop(),
  };
}

/** The few headers that Apollo Server reads. */
const READ_BY_APOLLO = [
  'content-type',
  'accept',
  'apollo-require-preflight',
  'x-apollo-operation-name',
] as const;

function headersOf(request: IncomingMessage): HeaderMap {
  const headers = new HeaderMap();
  for (const name of READ_BY_APOLLO) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  return headers;
}

/**
 * An answer of the graph has status 200 where the client reads application/json: there the errors say what happened
 * (GraphQL over HTTP §6.4.1). application/graphql-response+json keeps the status that Apollo gives.
 */
function send(
  response: ServerResponse,
  { status, headers, body }: HTTPGraphQLResponse,
  isGraphQL: boolean,
): void {
  const text = body.kind === 'complete' ? body.string : '';
  const isPlainJson = headers.get('content-type')?.startsWith('application/json') === true;
  response.statusCode = isGraphQL && isPlainJson && status === 400 ? 200 : (status ?? 200);
  for (const [name, value] of headers) response.setHeader(name, value);
  response.setHeader('cache-control', 'no-store');
  response.end(text);
}

function finish(response: ServerResponse, status: number, { contentType, text }: Answer): void {
  response.statusCode = status;
  response.setHeader('content-type', contentType);
  response.setHeader('cache-control', 'no-store');
  response.end(text);
}
