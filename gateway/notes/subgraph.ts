import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { AuthClient } from '@authgraph/client';
import { authContext, type AuthContext } from '@authgraph/client/apollo';
import { GraphQLError, parse } from 'graphql';
import { listen, type Listening } from '../listen.js';

/** The schema of the sample subgraph, as SDL. */
export const notesSdl = readFileSync(new URL('./schema.graphql', import.meta.url), 'utf8');

interface Note {
  id: string;
  text: string;
  authorId: string;
}

const LONGEST_TEXT = 280;
/** The oldest is forgotten beyond this: a sample must not fill the memory. */
const MOST_NOTES = 1_000;

/**
 * Serves the sample subgraph on loopback. Notes live in memory and are gone when it stops: it is here to show
 * how another subgraph joins the auth subgraph's `User`, and how it learns who asks, not how to keep notes.
 *
 * @param auth verifies the bearer that the gateway passed on; no header such as `x-user-id` is believed
 */
export async function startNotes(auth: Pick<AuthClient, 'verify'>, port: number): Promise<Listening> {
  const schema = buildSubgraphSchema([{ typeDefs: parse(notesSdl), resolvers: resolversOver(new Map()) }]);
  const server = new ApolloServer<AuthContext>({
    schema,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    plugins: [ApolloServerPluginInlineTraceDisabled()],
  });
  const contextOf = authContext(auth);
  return listen(server, (req) => contextOf({ req }), port);
}

function resolversOver(notes: Map<string, Note>) {
  return {
    Query: {
      notes: () => [...notes.values()],
      note: (_: unknown, { id }: { id: string }) => notes.get(id),
      myNotes: async (_: unknown, __: unknown, context: AuthContext) => {
        const { subject } = await context.auth();
        return writtenBy(notes, subject.id);
      },
    },
    Mutation: {
      addNote: async (_: unknown, { text }: { text: string }, context: AuthContext) => {
        const { subject } = await context.auth();
        return add(notes, { id: randomUUID(), authorId: subject.id, text: requireText(text) });
      },
    },
    User: {
      notes: ({ id }: { id: string }) => writtenBy(notes, id),
    },
    Note: {
      __resolveReference: ({ id }: { id: string }) => notes.get(id),
      author: ({ authorId }: Note) => ({ __typename: 'User', id: authorId }),
    },
  };
}

const writtenBy = (notes: Map<string, Note>, id: string): Note[] =>
  [...notes.values()].filter((note) => note.authorId === id);

function add(notes: Map<string, Note>, note: Note): Note {
  const [oldest] = notes.keys();
  if (oldest !== undefined && notes.size >= MOST_NOTES) notes.delete(oldest);
  notes.set(note.id, note);
  return note;
}

function requireText(text: string): string {
  const trimmed = text.trim();
  if (trimmed && trimmed.length <= LONGEST_TEXT) return trimmed;
  const message = `A note has 1 to ${LONGEST_TEXT} characters`;
  throw new GraphQLError(message, {
    extensions: { code: 'BAD_USER_INPUT', fields: [{ name: 'text', message }] },
  });
}
