import type { Client } from '../domain/client.js';
import { passageOf, passageOfService, type Passage } from '../domain/edge.js';
import type { FindService } from './callers.js';
import type { Verify } from './verification.js';

/** As where accounts are kept: what becomes of a request with this bearer. */
export async function judge(
  { verify, find, issuer }: { verify: Verify; find: FindService; issuer: string },
  token: string,
  client: Client,
): Promise<Passage> {
  const service = find(token);
  if (service) return passageOfService(service, issuer);
  return passageOf(await verify({ actor: { kind: 'gateway' }, bearer: token, client }, { token }));
}
