import { z } from 'zod';
import type { TrustedIssuer } from '../../config/trusted-issuers.js';
import { CallRefused, readFrom, type Found, type Resolve } from '../outgoing.js';

/** How long a set is used where the issuer does not say, and the bounds of what it may say; in seconds. */
const FRESH = { usually: 600, atLeast: 60, atMost: 3600 };

/** Fetches the published keys of an issuer. @returns the text, and how long it may be used. @throws {CallRefused} */
export async function fetchKeys(
  issuer: TrustedIssuer,
  resolve: Resolve | undefined,
): Promise<{ body: string; freshForMs: number }> {
  const { keys, allowPrivateNetwork } = issuer;
  const known = 'jwksUrl' in keys ? keys.jwksUrl : undefined;
  const url = known ?? (await discover(issuer, resolve));
  const { headers, body } = await readFrom({ url, allowPrivateNetwork }, resolve);
  return { body, freshForMs: freshSeconds(headers) * 1000 };
}

const document = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** Where the keys are, as the issuer itself says (OpenID Connect Discovery 1.0 §4): under its own name and no other. */
async function discover(issuer: TrustedIssuer, resolve: Resolve | undefined): Promise<string> {
  const url = `${issuer.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { body } = await readFrom({ url, allowPrivateNetwork: issuer.allowPrivateNetwork }, resolve);
  const parsed = document.safeParse(parse(body));
  if (!parsed.success) throw new CallRefused('what was found is no discovery document');
  if (parsed.data.issuer !== issuer.issuer)
    throw new CallRefused('the discovery document is that of another issuer');
  return parsed.data.jwks_uri;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function freshSeconds(headers: Found['headers']): number {
  const [, age] = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(headers['cache-control'] ?? '') ?? [];
  return age === undefined ? FRESH.usually : Math.min(FRESH.atMost, Math.max(FRESH.atLeast, Number(age)));
}
