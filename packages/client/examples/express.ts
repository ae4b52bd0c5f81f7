import { createServer } from 'node:http';
import { requireSelfOr, type AuthClient } from '@authgraph/client';
import { authErrors, authOf, requireAuth } from '@authgraph/client/express';
import express from 'express';
import { addRecord, recordsOf } from './records.js';
import { listen, runIfMain, type Running } from './run.js';

/** Patients read their own records, staff with records:read anybody's; records:write adds to them. */
export function startExpress(auth: AuthClient, port = 0): Promise<Running> {
  const app = express();
  const requireOwn = requireSelfOr('records:read');
  app.get('/records/:patientId', requireAuth(auth), (request, response) => {
    requireOwn(authOf(request).subject, request.params['patientId']);
    response.json(recordsOf(request.params['patientId']));
  });
  app.post(
    '/records/:patientId',
    requireAuth(auth, { requires: ['records:write'] }),
    express.json(),
    (request, response) => {
      const { finding } = request.body as { finding: string };
      addRecord(request.params['patientId'], finding);
      response.status(201).json({ by: authOf(request).subject.id });
    },
  );
  app.use(authErrors);
  return listen(createServer(app), port);
}

await runIfMain(import.meta.url, startExpress);
