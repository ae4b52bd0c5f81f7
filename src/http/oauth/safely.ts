import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Client } from '../../domain/client.js';
import type { Reply } from '../reply.js';
import { asOAuthError, OAuthError, sendError } from './errors.js';

/** Answers a request in the words of OAuth. */
export type Door<Caller> = (request: IncomingMessage, response: Reply, caller: Caller) => Promise<void>;

/** Has whatever goes wrong said in the words of OAuth. */
export function safely<Caller extends { client: Pick<Client, 'requestId'> }>(
  { log }: { log: Logger },
  door: Door<Caller>,
): Door<Caller> {
  return async (request, response, caller) => {
    try {
      await door(request, response, caller);
    } catch (error) {
      const known = asOAuthError(error);
      if (known?.status === 503 || !known) {
        const { requestId } = caller.client;
        log[known ? 'warn' : 'error']({ err: error, requestId }, known ? 'unavailable' : 'unexpected error');
      }
      sendError(response, known ?? new OAuthError('server_error', 'Something went wrong on our side.', 500));
    }
  };
}
