import type { App } from '../../context.js';
import type { Client } from '../../domain/client.js';
import { passageOf, passageOfService, passageWithout, type Passage } from '../../domain/edge.js';
import { actorOfServiceToken, isServiceToken } from '../../domain/service-tokens.js';
import type { Rejection } from '../../domain/tokens.js';
import { exchangeToken } from '../../domain/token-exchange.js';
import { verifyToken } from '../../domain/verification.js';
import { AuthError } from '../../errors.js';

/** Says what becomes of a request with this bearer: an access token, ours or another issuer's, or a service's own token. */
export async function judge(app: App, token: string, client: Client): Promise<Passage> {
  if (isServiceToken(token)) return judgeService(app, token, client);
  const asker = { actor: { kind: 'gateway' }, bearer: token, client } as const;
  const answer = await verifyToken(app, asker, { token, tokenOnly: true });
  // Shown to the service that it is for, and to nobody else.
  if (answer.subject?.type === 'SERVICE') return refuse(app, 'WRONG_AUDIENCE', client, answer.subject.id);
  if (answer.sessionId !== null) app.witness.seen({ sessionId: answer.sessionId, network: client.network });
  return passageOf(answer);
}

async function judgeService(app: App, token: string, client: Client): Promise<Passage> {
  const found = await actorOfServiceToken(app, token);
  if (typeof found === 'string') return refuse(app, found, client);
  app.witness.served({ serviceId: found.id, tokenId: found.tokenId, ipAddress: client.ipAddress });
  return passageOfService(found, app.config.tokens.issuer);
}

function refuse({ witness }: App, reason: Rejection, client: Client, subject?: string): Passage {
  witness.refused({ reason, subject, askedBy: null, client });
  return passageWithout(reason);
}

/**
 * A token of ours for the service that is named as the subgraph is; undefined where there is none.
 * @throws {AuthError} FORBIDDEN where the subject may not use that service, UNAUTHENTICATED
 */
export async function exchange(
  app: App,
  token: string,
  serviceName: string,
  client: Client,
): Promise<string | undefined> {
  const service = app.catalogue.serviceNamed(serviceName);
  if (!service || isServiceToken(token)) return undefined;
  if (service.status !== 'ACTIVE') throw new AuthError('FORBIDDEN');
  const asked = { token, audience: service.id, scopes: undefined };
  const given = await exchangeToken(app, { actor: { kind: 'gateway' }, client }, asked);
  if (given.text === undefined)
    throw new AuthError(given.rejection === 'NO_SERVICE_ACCESS' ? 'FORBIDDEN' : 'UNAUTHENTICATED');
  return given.text;
}
