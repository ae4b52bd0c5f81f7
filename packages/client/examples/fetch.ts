import { createServer } from 'node:http';
import { requireSelfOr, type AuthClient } from '@authgraph/client';
import { withAuth } from '@authgraph/client/fetch';
import { addRecord, recordsOf } from './records.js';
import { listen, runIfMain, type Running } from './run.js';

/** Handlers of the Fetch standard, as Hono, Next.js, Deno and workers call them. */
function handlers(auth: AuthClient): Record<string, (request: Request) => Promise<Response>> {
  const requireOwn = requireSelfOr('records:read');
  const patientIn = ({ url }: Request) => new URL(url).pathname.split('/').at(-1) ?? '';
  return {
    GET: withAuth(auth, (request, { subject }) => {
      requireOwn(subject, patientIn(request));
      return Response.json(recordsOf(patientIn(request)));
    }),
    POST: withAuth(
      auth,
      async (request, { subject }) => {
        const { finding } = (await request.json()) as { finding: string };
        addRecord(patientIn(request), finding);
        return Response.json({ by: subject.id }, { status: 201 });
      },
      { requires: ['records:write'] },
    ),
  };
}

/** The handlers behind node:http, since something has to listen. */
export function startFetch(auth: AuthClient, port = 0): Promise<Running> {
  const all = handlers(auth);
  const server = createServer((request, response) => {
    const headers = Object.entries(request.headers).map(
      ([name, value]) => [name, String(value)] as [string, string],
    );
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = 'GET', url = '/' } = request;
      const body = method === 'GET' ? null : Buffer.concat(chunks);
      const answered = all[method]?.(new Request(`http://localhost${url}`, { method, headers, body }));
      void answered?.then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
      });
    });
  });
  return listen(server, port);
}

await runIfMain(import.meta.url, startFetch);
