import ipaddr from 'ipaddr.js';
import { z } from 'zod';

/** WEBAUTHN_RP_ID: a name, as passkeys belong to no address. */
export const rpId = z.string().toLowerCase().refine(isDomain, 'must be a domain such as example.com');

/** One of WEBAUTHN_ORIGINS: what a browser tells of the page that asks, or an Android application of itself. */
export const passkeyOrigin = z
  .string()
  .refine(isOrigin, 'must hold https origins, http ones on localhost, or android:apk-key-hash: ones')
  .transform((text) => (text.startsWith(ANDROID) ? text : new URL(text).origin));

const ANDROID = 'android:';

/** What the environment says, as far as it matters here. */
interface Given {
  PORT: number;
  PUBLIC_URL?: string | undefined;
  FRONTEND_URL: string[];
  WEBAUTHN_RP_ID?: string | undefined;
  WEBAUTHN_ORIGINS?: string[] | undefined;
}

/** The domain that passkeys belong to and the pages that may ask for them: the front end's, else the service's own. */
export function webauthnOf(given: Given): { rpId: string; origins: readonly string[] } {
  const own = new URL(given.PUBLIC_URL ?? `http://localhost:${given.PORT}`).origin;
  const pages = [...given.FRONTEND_URL, own];
  const [first = 'localhost'] = pages.map((page) => new URL(page).hostname).filter(isDomain);
  const domain = given.WEBAUTHN_RP_ID ?? first;
  return {
    rpId: domain,
    origins: given.WEBAUTHN_ORIGINS ?? pages.filter((page) => isWithin(domain, page)),
  };
}

/** What browsers would refuse whatever we answered. */
export function webauthnMistakes(given: Given): string[] {
  const { rpId: domain, origins } = webauthnOf(given);
  if (!origins.every((origin) => isWithin(domain, origin)))
    return [`WEBAUTHN_ORIGINS: each must be on ${domain}, which is WEBAUTHN_RP_ID, or below it`];
  if (given.WEBAUTHN_RP_ID === undefined || origins.length > 0) return [];
  return ['WEBAUTHN_ORIGINS must say which pages are on WEBAUTHN_RP_ID: FRONTEND_URL and PUBLIC_URL are not'];
}

function isWithin(domain: string, origin: string): boolean {
  const { hostname } = new URL(origin);
  return origin.startsWith(ANDROID) || hostname === domain || hostname.endsWith(`.${domain}`);
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function isDomain(text: string): boolean {
  return text.length <= 253 && !ipaddr.isValid(text) && text.split('.').every((part) => LABEL.test(part));
}

function isOrigin(text: string): boolean {
  if (/^android:apk-key-hash:[A-Za-z0-9_-]{43}$/.test(text)) return true;
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, href, origin } = new URL(text);
  return (
    href === `${origin}/` && (protocol === 'https:' || (protocol === 'http:' && hostname === 'localhost'))
  );
}
