import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet, type JWTPayload } from 'jose';
import { parse } from 'yaml';

/** What is read here of the configuration of a router. */
export interface RouterConfig {
  coprocessor?: {
    url: string;
    timeout: string;
    router: { request: Partial<Record<'headers' | 'body' | 'context' | 'sdl' | 'path', unknown>> };
  };
  authentication?: {
    router: {
      jwt: {
        jwks: { url: string; issuers: string[]; audiences: string[]; algorithms: string[] }[];
        on_error: 'Continue' | 'Error';
        ignore_other_prefixes: boolean;
      };
    };
  };
  rhai?: { scripts: string; main: string };
  [block: string]: unknown;
}

const ROOT = new URL('../../', import.meta.url);
const VARIABLE = /\$\{env\.(\w+)(?::-([^}]*))?\}/g;

/** A router's configuration, with the environment filled in as the router does it. */
export function readRouter(file: string, env: Record<string, string> = {}): RouterConfig {
  const text = readFileSync(new URL(file, ROOT), 'utf8');
  return parse(
    text.replace(VARIABLE, (_all, name: string, otherwise?: string) => env[name] ?? otherwise ?? ''),
  ) as RouterConfig;
}

/** What becomes of a client's request at a router: an answer of its own, or what goes on to be planned. */
export type Routed =
  | { status: number; body: unknown; headers: Record<string, string[]> }
  | { status: undefined; headers: Record<string, string[]>; claims: JWTPayload | undefined; context: object };

type Headers = Record<string, string[]>;
interface CoprocessorAnswer {
  version: number;
  stage: string;
  control: 'continue' | { break: number };
  headers?: Headers;
  body?: string;
  context?: { entries: Record<string, unknown> };
}

const CLAIMS = 'apollo::authentication::jwt_claims';
const FAILED: Routed = { status: 500, body: { errors: [{ message: 'internal server error' }] }, headers: {} };

/**
 * Does with a request what the documentation and source of Apollo Router say that it does with these blocks of its configuration,
 * up to planning. It is no router: it stands in where none can be had.
 */
export function modelRouter(config: RouterConfig, env: Record<string, string> = {}) {
  let keys: JSONWebKeySet | undefined;
  const poll = async () => {
    for (const { url } of config.authentication?.router.jwt.jwks ?? [])
      keys = await fetch(url)
        .then((response) => response.json() as Promise<JSONWebKeySet>)
        // What was fetched last stays.
        .catch(() => keys);
  };
  return {
    poll,
    /** @param sent names in lower case, as the router has them */
    async route(sent: Headers): Promise<Routed> {
      const claims = await byKeys(config, keys, sent);
      const headers = config.rhai ? byScript(config.rhai, env, sent) : sent;
      const entries = claims ? { [CLAIMS]: claims } : {};
      if (!config.coprocessor) return { status: undefined, headers, claims, context: entries };
      return byCoprocessor(config.coprocessor, headers, entries);
    },
  };
}

/** A bad token leaves the request without claims: on_error is Continue. */
async function byKeys(
  { authentication }: RouterConfig,
  keys: JSONWebKeySet | undefined,
  { authorization: [value = ''] = [] }: Headers,
): Promise<JWTPayload | undefined> {
  const [, token] = /^Bearer (.+)$/i.exec(value) ?? [];
  const [entry] = authentication?.router.jwt.jwks ?? [];
  if (token === undefined || !entry || !keys) return undefined;
  const { issuers: issuer, audiences: audience, algorithms } = entry;
  const options = { issuer, audience, algorithms };
  return jwtVerify(token, createLocalJWKSet(keys), options).then(
    ({ payload }) => payload,
    () => undefined,
  );
}

const SETS_HEADER = /request\.headers\["([\w-]+)"\] = env::get\("(\w+)"\);/g;

/** Of a script only what sets headers from the environment is understood. */
function byScript(
  { scripts, main }: { scripts: string; main: string },
  env: Record<string, string>,
  sent: Headers,
) {
  const text = readFileSync(new URL(`${scripts}/${main}`, ROOT), 'utf8');
  const set = [...text.matchAll(SETS_HEADER)].map(([, name = '', variable = '']) => [
    name,
    [env[variable] ?? ''],
  ]);
  return { ...sent, ...(Object.fromEntries(set) as Headers) };
}

async function byCoprocessor(
  { url, timeout, router: { request } }: RouterConfig['coprocessor'] & object,
  headers: Headers,
  entries: Record<string, unknown>,
): Promise<Routed> {
  const envelope = {
    version: 1,
    stage: 'RouterRequest',
    control: 'continue',
    id: randomBytes(16).toString('hex'),
    method: 'POST',
    ...(request.headers === true ? { headers } : {}),
    ...(request.body === true ? { body: '{"query":"{ me { id } }"}' } : {}),
    ...(request.context === undefined ? {} : { context: { entries } }),
  };
  const signal = AbortSignal.timeout(Number.parseFloat(timeout) * 1000);
  const init = { method: 'POST', headers: { accept: JSON_TYPE, 'content-type': JSON_TYPE }, signal };
  // The status of the answer is not looked at; what is no envelope fails the request.
  const answer = await fetch(url, { ...init, body: JSON.stringify(envelope) })
    .then((response) => response.json() as Promise<CoprocessorAnswer>)
    .catch(() => undefined);
  return answer?.version === 1 && answer.stage === envelope.stage ? obey(answer, headers, entries) : FAILED;
}

const JSON_TYPE = 'application/json';

function obey(answer: CoprocessorAnswer, sent: Headers, entries: Record<string, unknown>): Routed {
  const { control, headers = {}, body = 'null', context } = answer;
  if (typeof control === 'object')
    return { status: control.break, body: JSON.parse(body) as unknown, headers };
  if (control !== 'continue') return FAILED;
  const known = { ...entries, ...context?.entries };
  return {
    status: undefined,
    headers: answer.headers ?? sent,
    claims: known[CLAIMS] as JWTPayload | undefined,
    context: known,
  };
}

/** What a router is told of a request with this bearer. */
export async function askEdge(
  { url }: { url: string },
  token: string,
  shown: Headers = {},
): Promise<{ status: number; answer: CoprocessorAnswer }> {
  const headers = { authorization: [`Bearer ${token}`], ...shown };
  const response = await fetch(`${url}/router/coprocessor`, {
    method: 'POST',
    headers: { 'content-type': JSON_TYPE },
    body: JSON.stringify({ version: 1, stage: 'RouterRequest', control: 'continue', headers }),
  });
  return { status: response.status, answer: (await response.json()) as CoprocessorAnswer };
}
