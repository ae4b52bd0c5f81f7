import { requireSelfOr, type AuthClient } from '@authgraph/client';
import { authErrors, authOf, authPlugin, requireAuth } from '@authgraph/client/fastify';
import Fastify from 'fastify';
import { addRecord, recordsOf } from './records.js';
import { runIfMain, type Running } from './run.js';

interface Route {
  Params: { patientId: string };
  Body: { finding: string };
}

/** Patients read their own records, staff with records:read anybody's; records:write adds to them. */
export async function startFastify(auth: AuthClient, port = 0): Promise<Running> {
  const app = Fastify();
  const requireOwn = requireSelfOr('records:read');
  app.setErrorHandler(authErrors);
  await app.register(authPlugin, { client: auth });
  app.get<Route>('/records/:patientId', (request, reply) => {
    const { patientId } = request.params;
    requireOwn(authOf(request).subject, patientId);
    return reply.send(recordsOf(patientId));
  });
  const onRequest = requireAuth(auth, { requires: ['records:write'] });
  app.post<Route>('/records/:patientId', { onRequest }, (request, reply) => {
    addRecord(request.params.patientId, request.body.finding);
    return reply.code(201).send({ by: authOf(request).subject.id });
  });
  const url = await app.listen({ host: '127.0.0.1', port });
  return { url, close: () => app.close() };
}

await runIfMain(import.meta.url, startFastify);
