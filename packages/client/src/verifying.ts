import {
  refusal,
  requiring,
  type Question,
  type ServiceTokenVerification,
  type TokenRejection,
  type TokenVerification,
} from './answers.js';
import type { Genuine } from './claims.js';
import { isUnavailable } from './errors.js';
import type { Topic } from './feed.js';
import { digestOf, isCurrent, judgeStanding, judgeTimes, type Finding, type Proved } from './local.js';
import { MAX_TOKEN_LENGTH } from './compact.js';
import type { Parts, Remembered } from './parts.js';
import type { Source } from './telemetry.js';

/** For so long after news, a replica of the service may answer that has not heard it: such an answer is not remembered. */
const SETTLING_MS = 3000;

const secondsNow = ({ settings }: Parts): number => settings.clock.now() / 1000;
const asksService = ({ serviceId, service }: Question): boolean =>
  serviceId !== undefined || service !== undefined;

/**
 * The answer where it is certain at once: a token that was proved before, while revocations are heard. Only what could have
 * changed since it was last looked at is looked at again: always its times, all else where there was news.
 * @returns undefined where more has to be done
 */
export function verifyAtOnce(
  parts: Parts,
  digest: string,
  question: Question,
): TokenVerification | undefined {
  if (!parts.standing.isLocal() || asksService(question)) return undefined;
  const known = parts.local.known(digest);
  if (known === undefined || !isCleared(parts, known)) return undefined;
  const now = parts.settings.clock.now();
  if (now >= known.endsAt || now < known.beginsAt) return undefined;
  if (question.requires !== undefined)
    return told(parts, 'local', requiring(known.answer, question.requires));
  parts.telemetry.verified('local', null);
  return known.answer;
}

/** Whether all that was heard until now leaves this token what it says. */
function isCleared({ local, feed, newsCount }: Parts, known: Proved): boolean {
  const news = newsCount();
  if (known.clearedAt === news) return true;
  const { genuine } = known;
  const isGood =
    local.isKeyTrusted(genuine) && judgeStanding(genuine, feed) === undefined && isCurrent(genuine, feed);
  if (isGood) known.clearedAt = news;
  return isGood;
}

function judge(parts: Parts, token: Genuine): TokenRejection | undefined {
  return judgeTimes(token, secondsNow(parts)) ?? judgeStanding(token, parts.feed);
}

function told({ telemetry }: Parts, source: Source, answer: TokenVerification): TokenVerification {
  telemetry.verified(source, answer.reason);
  return answer;
}

/** @throws {AuthClientError} SERVICE_UNAVAILABLE where nothing can be said for certain and policy does not allow more */
export async function verifyStepwise(
  parts: Parts,
  token: string,
  digest: string,
  question: Question,
): Promise<TokenVerification> {
  const known = parts.local.known(digest)?.genuine;
  const isKnown = known !== undefined && parts.local.isKeyTrusted(known);
  const found = isKnown ? known : await parts.local.prove(token, digest);
  if (found !== 'ASK' && typeof found === 'string') return told(parts, 'local', refusal(found));
  const here = found === 'ASK' ? undefined : answerHere(parts, found, question);
  return (
    here ?? rememberedFor(parts, digest, found, question) ?? askOrTrust(parts, token, digest, found, question)
  );
}

/** What is final, or certain because revocations are heard; undefined where it has to be asked about. */
function answerHere(parts: Parts, token: Genuine, question: Question): TokenVerification | undefined {
  const isLocal = parts.standing.isLocal();
  const rejection = judge(parts, token);
  // A suspension may have been lifted since; nothing else is ever taken back.
  const isFinal = rejection !== undefined && (isLocal || rejection !== 'SUBJECT_DISABLED');
  if (isFinal) return told(parts, 'local', refusal(rejection));
  if (!isLocal || asksService(question) || !isCurrent(token, parts.feed)) return undefined;
  return told(parts, 'local', requiring(token.answer, question.requires));
}

async function askOrTrust(
  parts: Parts,
  token: string,
  digest: string,
  found: Finding,
  question: Question,
): Promise<TokenVerification> {
  const { requires, ...where } = question;
  try {
    const before = noteOf(parts, found);
    // A service's JWT is for this service, and asked about there, unless another one is named.
    const isOurs =
      typeof found !== 'string' && found.serviceTokenId !== undefined && where.serviceId === undefined;
    const answer = await askFor(parts, token, isOurs ? { service: 'self' } : where);
    remember(parts, keyOf(digest, where), answer, before, found);
    return told(parts, 'remote', requiring(answer, requires));
  } catch (error) {
    const trusted = isUnavailable(error) ? trust(parts, found, question) : undefined;
    if (!trusted) throw error;
    return told(parts, 'trusted', trusted);
  }
}

/** Asks the service, and takes down whether it answered. It may trust issuers that this client does not. */
export async function askFor(parts: Parts, token: string, question: Question): Promise<TokenVerification> {
  const answer = await asking(parts, () => parts.remote.verify(token, question));
  const isUnwanted = answer.subject?.type === 'EXTERNAL' && !parts.asksForeign(answer.issuer);
  return isUnwanted ? refusal('UNTRUSTED_ISSUER') : answer;
}

/** Runs a call of the service, and takes down whether it answered. */
export async function asking<T>({ standing }: Parts, call: () => Promise<T>): Promise<T> {
  try {
    const answer = await call();
    standing.asked(true);
    return answer;
  } catch (error) {
    standing.asked(!isUnavailable(error));
    throw error;
  }
}

/** By policy, while nobody can be asked: what is genuine, unexpired, and neither revoked nor changed as far as was heard. */
function trust(parts: Parts, found: Finding, question: Question): TokenVerification | undefined {
  if (typeof found === 'string' || asksService(question) || !parts.standing.mayTrust()) return undefined;
  const rejection = judge(parts, found);
  if (rejection !== undefined) return refusal(rejection);
  return isCurrent(found, parts.feed) ? requiring(found.answer, question.requires) : undefined;
}

/** What was heard when a question went out. */
interface Note {
  readonly at: number;
  readonly changes: number;
  readonly version: number;
}

function noteOf({ feed, settings }: Parts, found: Finding, topic: Topic = 'services'): Note {
  const version = typeof found === 'string' ? 0 : (feed.subject(found.subjectId)?.version ?? 0);
  return { at: settings.clock.monotonic(), changes: feed.changes(topic).count, version };
}

const keyOf = (digest: string, { serviceId, service }: Question): string =>
  `${digest} ${serviceId === undefined ? (service ?? '') : `=${serviceId}`}`;

/**
 * A yes to one of our own tokens, of whose end the feed tells, and only while it does. Also one to a token of another issuer: of its
 * end nobody tells, the service least of all, so that it is as true a moment later; until it expires.
 */
function remember(parts: Parts, key: string, answer: TokenVerification, note: Note, found: Finding): void {
  const { feed, standing, settings } = parts;
  if (!standing.isLocal() || !answer.valid || settings.cacheMs === 0) return;
  // What could not be judged here, and was ours after all.
  if (typeof found === 'string' && answer.subject?.type !== 'EXTERNAL') return;
  const subjectHeardAt = typeof found === 'string' ? undefined : feed.subject(found.subjectId)?.heardAt;
  const newsAt = Math.max(feed.changes('services').heardAt, subjectHeardAt ?? -Infinity);
  if (note.at - newsAt < SETTLING_MS) return;
  parts.answers.set(key, { answer, until: note.at + settings.cacheMs, ...note });
}

function rememberedFor(
  parts: Parts,
  digest: string,
  found: Finding,
  question: Question,
): TokenVerification | undefined {
  if (!parts.standing.isLocal()) return undefined;
  const known = parts.answers.get(keyOf(digest, question));
  if (!known || !isAsItWas(known, noteOf(parts, found))) return undefined;
  if (!isUnexpired(parts, known.answer) || !isUnexpired(parts, known.answer.service)) return undefined;
  return told(parts, 'remote', requiring(known.answer, question.requires));
}

const isAsItWas = (known: Remembered<unknown>, { at, changes, version }: Note): boolean =>
  at < known.until && known.changes === changes && known.version === version;

/** Ends a token and its session, at the service and, where it is a genuine one, here before anybody tells. */
export async function revoke(parts: Parts, token: string): Promise<boolean> {
  const isDone = await asking(parts, () => parts.remote.revoke(token));
  const digest = digestOf(token);
  const found = parts.local.known(digest)?.genuine ?? (await parts.local.prove(token, digest));
  if (isDone && typeof found !== 'string') parts.end(found.endedBy);
  return isDone;
}

/** Whether this is a live token of that service; remembered for a moment while revocations are heard. */
export async function verifyServiceToken(
  parts: Parts,
  serviceName: string,
  token: unknown,
): Promise<ServiceTokenVerification> {
  const { serviceAnswers, standing, feed, settings } = parts;
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) return NO_SERVICE_TOKEN;
  const key = `${digestOf(token)} ${serviceName}`;
  const note = noteOf(parts, 'ASK', 'serviceTokens');
  const known = standing.isLocal() ? serviceAnswers.get(key) : undefined;
  if (known && isAsItWas(known, note) && isUnexpired(parts, known.answer)) return known.answer;
  const answer = await asking(parts, () => parts.remote.verifyServiceToken(serviceName, token));
  const heard = feed.changes('serviceTokens');
  const isSettled = note.at - heard.heardAt >= SETTLING_MS && note.changes === heard.count;
  if (answer.valid && standing.isLocal() && isSettled && settings.cacheMs > 0)
    serviceAnswers.set(key, { answer, until: note.at + settings.cacheMs, ...note });
  return answer;
}

const isUnexpired = ({ settings }: Parts, what: { readonly expiresAt: string | null } | null): boolean =>
  !what?.expiresAt || Date.parse(what.expiresAt) > settings.clock.now();

const NO_SERVICE_TOKEN: ServiceTokenVerification = {
  valid: false,
  reason: 'MALFORMED',
  service: null,
  scopes: [],
  expiresAt: null,
};
