import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginInlineTraceDisabled } from '@apollo/server/plugin/disabled';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { GraphQLError, parse } from 'graphql';
import { listen, type Listening } from '../listen.js';
import { subjectFromBearer, type TokenTrust } from './bearer.js';

/** The schema of the sample subgraph, as SDL. */
export const notesSdl = readFileSync(new URL('./schema.graphql', import.meta.url), 'utf8');

interface Note {
  id: string;
  text: string;
  authorId: string;
}

interface NotesContext {
  /** The account that asks; throws UNAUTHENTICATED when it proves nothing. */
  subject: () => Promise<string>;
}

const LONGEST_TEXT = 280;
/** The oldest is forgotten beyond this: a sample must not fill the memory. */
const MOST_NOTES = 1_000;

/**
 * Serves the sample subgraph on loopback. Notes live in memory and are gone when it stops: it is here to show
 * how another subgraph joins the auth subgraph's `User`, not how to keep notes.
 */
export async function startNotes(trust: TokenTrust, port: number): Promise<Listening> {
  const schema = buildSubgraphSchema([{ typeDefs: parse(notesSdl), resolvers: resolversOver(new Map()) }]);
  const subjectOf = subjectFromBearer(trust);
  const server = new ApolloServer<NotesContext>({
    schema,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    plugins: [ApolloServerPluginInlineTraceDisabled()],
  });
  return listen(server, ({ authorization }) => ({ subject: () => subjectOf(authorization) }), port);
}

function resolversOver(notes: Map<string, Note>) {
  return {
    Query: {
      notes: () => [...notes.values()],
      note: (_: unknown, { id }: { id: string }) => notes.get(id),
    },
    Mutation: {
      addNote: async (_: unknown, { text }: { text: string }, { subject }: NotesContext) =>
        add(notes, { id: randomUUID(), authorId: await subject(), text: requireText(text) }),
    },
    User: {
      notes: ({ id }: { id: string }) => [...notes.values()].filter((note) => note.authorId === id),
    },
    Note: {
      __resolveReference: ({ id }: { id: string }) => notes.get(id),
      author: ({ authorId }: Note) => ({ __typename: 'User', id: authorId }),
    },
  };
}

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
