import type { IncomingMessage } from 'node:http';
import { during, type Tracer } from '../domain/tracing.js';
import { isDoor } from './doors.js';
import type { Reply } from './reply.js';

/**
 * Does `work` as a trace of its own, or as a part of the caller's where it is one that we believe: a stranger could otherwise
 * have all of its requests traced.
 */
export function inTrace<T>(
  tracer: Tracer | undefined,
  request: IncomingMessage,
  reply: Reply,
  isBelieved: () => boolean,
  work: () => T,
): T {
  if (!tracer) return work();
  const { method = '' } = request;
  const door = doorOf(request);
  const { traceparent } = request.headers;
  const parent = typeof traceparent === 'string' && isBelieved() ? traceparent : undefined;
  const about = { 'http.request.method': method, ...(door === undefined ? {} : { 'http.route': door }) };
  const step = tracer.begin(door === undefined ? method : `${method} ${door}`, parent, about);
  if (!step) return work();
  reply.once('close', () => {
    step.note({
      'http.response.status_code': reply.statusCode,
      'authgraph.request_id': reply.requestId,
    });
    step.end();
  });
  return during(step, work);
}

/** Any other path may hold anything, a token in its query for one. */
function doorOf({ url = '/' }: IncomingMessage): string | undefined {
  const [path = ''] = url.split('?');
  return isDoor(path) ? path : undefined;
}
