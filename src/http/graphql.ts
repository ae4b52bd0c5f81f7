import type { IncomingMessage } from 'node:http';
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
import { withJson } from './body.js';
import { knowOperations, type Answer } from './known-operations.js';
import { presentErrors, type Answering, type Progress } from './present-errors.js';
import type { Reply } from './reply.js';
import { settle } from './settle.js';

/** Answers one request that came through the door. */
export interface GraphQLEndpoint {
  post(request: IncomingMessage, reply: Reply, client: Client): Promise<void>;
  /** Apollo Sandbox, in development. */
  page(request: IncomingMessage, reply: Reply): Promise<void>;
  close(): Promise<void>;
}

/** Longest document, in tokens of the language: what is longer is not even parsed. */
const MOST_TOKENS = 1000;

/** Starts Apollo Server behind our own HTTP adapter, which costs a fraction of what a web framework does. */
export async function openGraphQL<Context extends Answering>(
  { config: { production }, log }: { config: Pick<Config, 'production'>; log: Logger },
  schema: GraphQLSchema,
  rules: ValidationRule[],
  contextOf: (request: IncomingMessage, client: Client) => Context | Promise<Context>,
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
  const askServer = async (request: IncomingMessage, body: unknown, context: Context): Promise<Answer> => {
    const result = await server.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: 'POST', headers: headersOf(request), search: '', body },
      context: () => Promise.resolve(context),
    });
    const answer = answerOf(result);
    if (context.progress.isGraphQL) known.told(request.headers.accept, answer);
    return answer;
  };
  const answer = (request: IncomingMessage, body: unknown, context: Context) => {
    const { accept } = request.headers;
    const short = known.answer({ body, accept }, context);
    return settle(short, (found) => found ?? askServer(request, body, context));
  };
  return {
    post: (request, reply, client) =>
      withJson(request, (body) =>
        settle(contextOf(request, client), (context) =>
          settle(answer(request, body, context), (found) => send(reply, found, context.progress)),
        ),
      ),
    async page(request, reply) {
      const httpGraphQLRequest = { method: 'GET', headers: headersOf(request), search: '', body: undefined };
      const result = await server.executeHTTPGraphQLRequest({
        httpGraphQLRequest,
        context: () => Promise.reject(new Error('a page has no context')),
      });
      send(reply, answerOf(result), { isGraphQL: false });
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

const answerOf = ({ status, headers, body }: HTTPGraphQLResponse): Answer => {
  // Those that every answer has are written where it leaves.
  const own = [...headers].filter(([name]) => name !== 'cache-control' && name !== 'content-length');
  return { status, headers: own.flat(), text: body.kind === 'complete' ? body.string : '' };
};

/**
 * Every answer of the graph leaves here, whichever way it came about.
 *
 * It has status 200 where the client reads application/json: there the errors say what happened (GraphQL over HTTP §6.4.1).
 * application/graphql-response+json keeps the status that Apollo gives.
 */
function send(
  reply: Reply,
  { status = 200, headers, text }: Answer,
  { isGraphQL }: Pick<Progress, 'isGraphQL'>,
): void {
  const isTold = isGraphQL && status === 400 && isPlainJson(headers);
  reply.answer(isTold ? 200 : status, [...headers, 'cache-control', 'no-store'], text);
}

const isPlainJson = (headers: readonly string[]) =>
  headers[headers.indexOf('content-type') + 1]?.startsWith('application/json') === true;
