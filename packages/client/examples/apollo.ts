import 'reflect-metadata';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { requireSelfOr, type AuthClient } from '@authgraph/client';
import { authChecker, authContext, type AuthContext } from '@authgraph/client/apollo';
import {
  Arg,
  Authorized,
  buildSchema,
  Ctx,
  Field,
  ID,
  Mutation,
  ObjectType,
  Query,
  Resolver,
} from 'type-graphql';
import { addRecord, recordsOf } from './records.js';
import { runIfMain, type Running } from './run.js';

@ObjectType()
class PatientRecords {
  @Field(() => ID)
  patientId: string;

  @Field(() => [String])
  findings: readonly string[];
}

const requireOwn = requireSelfOr('records:read');

@Resolver()
class RecordsResolver {
  @Authorized()
  @Query(() => PatientRecords)
  async records(
    @Arg('patientId', () => ID) patientId: string,
    @Ctx() context: AuthContext,
  ): Promise<PatientRecords> {
    const { subject } = await context.auth();
    requireOwn(subject, patientId);
    return recordsOf(patientId);
  }

  @Authorized('records:write')
  @Mutation(() => PatientRecords)
  addRecord(
    @Arg('patientId', () => ID) patientId: string,
    @Arg('finding', () => String) finding: string,
  ): PatientRecords {
    addRecord(patientId, finding);
    return recordsOf(patientId);
  }
}

/** A subgraph that knows who asks by the bearer that the gateway passed on. */
export async function startApollo(auth: AuthClient, port = 0): Promise<Running> {
  const schema = await buildSchema({ resolvers: [RecordsResolver], authChecker });
  const server = new ApolloServer<AuthContext>({
    schema,
    stopOnTerminationSignals: false,
    includeStacktraceInErrorResponses: false,
  });
  const { url } = await startStandaloneServer(server, {
    context: authContext(auth),
    listen: { port, host: '127.0.0.1' },
  });
  return { url, close: () => server.stop() };
}

await runIfMain(import.meta.url, startApollo);
