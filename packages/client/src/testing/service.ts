import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refusal, type ServiceTokenVerification, type TokenVerification } from '../answers.js';
import { openFakeFeed, type FakeFeed } from './feed.js';
import { createMint, type Mint, type MintedClaims, type MintOptions } from './mint.js';

/** Variables of the operations that a client sends. */
interface Variables {
  readonly requests: readonly { readonly token: string }[];
  readonly serviceName: string;
  readonly token: string;
  readonly id: string;
}

/** As much as is read of a token that was minted here. */
interface Claims {
  readonly sub?: string;
  readonly sid?: string;
  readonly exp?: number;
  readonly roles?: readonly string[];
  readonly scope?: string;
}

/** A service that the fake auth service knows. */
export interface FakeService {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly scopes: readonly string[];
}

/** An auth service for tests: it believes what it minted, hears what the test revokes, and answers a client's questions. */
export interface FakeAuth extends Pick<Mint, 'issuer' | 'audience' | 'jwks'> {
  readonly url: string;
  /** The token of the service that is tested. */
  readonly serviceToken: string;
  readonly feed: FakeFeed;
  /** An access token. */
  readonly token: (claims?: MintedClaims) => string;
  /** Ends a session, told by the feed. */
  readonly revokeSession: (sid: string) => void;
  /** Registers a service with a token. */
  readonly service: (name: string, scopes?: readonly string[]) => FakeService;
  /** Answers `verifyToken` from now on. */
  answerWith(answer: (token: string) => TokenVerification): void;
  /** Fails every question, or stops failing. */
  readonly fail: (isFailing: boolean) => void;
  /** Paths and operations that were asked for, in turn, such as `VerifyTokens(3)`. */
  readonly asked: string[];
  readonly close: () => Promise<void>;
}

/** What a fake auth service is made of. */
export interface FakeAuthOptions extends MintOptions {
  readonly port?: number;
}

/** Starts a fake auth service on loopback. */
export async function startFakeAuth(options: FakeAuthOptions = {}): Promise<FakeAuth> {
  const now = options.now ?? Date.now;
  const mint = createMint(options);
  const fake = openFakeFeed(now);
  const house: House = {
    mint,
    now,
    ...fake,
    services: new Map(),
    ended: new Set(),
    asked: [],
    isFailing: false,
  };
  const self = register(house, 'self', []);
  const server = createServer((request, response) => {
    void serve(house, self, request, response);
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { issuer, audience, jwks, token } = mint;
  return {
    ...{ issuer, audience, jwks, token, feed: fake.feed, asked: house.asked, serviceToken: self.token },
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    service: (name, scopes = []) => register(house, name, scopes),
    revokeSession: (sid) => endSession(house, sid),
    answerWith(answer) {
      house.answer = answer;
    },
    fail(isFailing) {
      house.isFailing = isFailing;
      if (isFailing) fake.feed.cut();
    },
    async close() {
      fake.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Everything that the fake knows. */
interface House extends ReturnType<typeof openFakeFeed> {
  readonly mint: Mint;
  readonly now: () => number;
  readonly services: Map<string, FakeService>;
  readonly ended: Set<string>;
  readonly asked: string[];
  isFailing: boolean;
  answer?: (token: string) => TokenVerification;
}

function register({ services }: House, name: string, scopes: readonly string[]): FakeService {
  const service = { id: randomUUID(), name, token: `ags_test_${randomUUID()}`, scopes };
  services.set(service.token, service);
  return service;
}

function endSession({ ended, feed }: House, sid: string): void {
  ended.add(sid);
  feed.revoke({ kind: 'session', key: sid });
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}') as Claims;

function judge({ ended, now, mint }: House, token: string): TokenVerification {
  const { sub = '', sid = '', exp = 0, roles = [], scope = '' } = claimsOf(token);
  if (ended.has(sid)) return refusal('REVOKED');
  if (exp * 1000 <= now()) return refusal('EXPIRED');
  const permissions = scope.split(' ').filter(Boolean);
  const names = { username: null, email: null, role: roles[0] ?? null, roles };
  return {
    ...{ valid: true, reason: null, service: null, sessionId: sid, issuer: mint.issuer, scopes: permissions },
    subject: { id: sub, type: 'USER', externalId: null, ...names, permissions },
    expiresAt: new Date(exp * 1000).toISOString(),
  };
}

async function serve(
  house: House,
  self: FakeService,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { url: path } = request;
  const { issuer, jwks } = house.mint;
  if (path === '/.well-known/openid-configuration') return json(response, 200, { issuer });
  if (path === '/.well-known/jwks.json') {
    house.asked.push('jwks');
    return json(response, 200, jwks());
  }
  if (house.isFailing) return void request.socket.destroy();
  if (bearerOf(request) !== self.token) return json(response, 401, { errors: [{ message: 'No.' }] });
  if (path === '/revocations') return house.admit(response, request.headers['last-event-id']?.toString());
  const body = await bodyOf(request);
  if (path === '/oauth/introspect') return json(response, 200, { active: true, sub: self.id });
  json(response, 200, path === '/oauth/token' ? exchange(house, body) : execute(house, body));
}

function exchange({ asked, mint }: House, form: string): object {
  const aud = new URLSearchParams(form).get('audience') ?? '';
  asked.push(`token(${aud})`);
  return { access_token: mint.token({ claims: { aud } }), expires_in: 300 };
}

function execute(house: House, body: string): object {
  const { operationName, variables } = JSON.parse(body) as { operationName: string; variables: Variables };
  const isMany = operationName === 'VerifyTokens';
  house.asked.push(isMany ? `${operationName}(${variables.requests.length})` : operationName);
  return { data: OPERATIONS[operationName]?.(house, variables) };
}

const OPERATIONS: Readonly<Record<string, (house: House, variables: Variables) => object>> = {
  VerifyTokens: (house, { requests }) => {
    const answer = house.answer ?? ((token: string) => judge(house, token));
    return { verifyTokens: requests.map(({ token }) => answer(token)) };
  },
  VerifyServiceToken: ({ services }, { serviceName, token }) => ({
    verifyServiceToken: judgeService(services.get(token), serviceName),
  }),
  UserById: (_house, { id }) => {
    const names = { email: null, firstName: null, lastName: null };
    return { user: { id, username: `user-${id.slice(0, 8)}`, status: 'ACTIVE', ...names } };
  },
  Revoke: (house, { token }) => {
    endSession(house, claimsOf(token).sid ?? '');
    return { revoke: true };
  },
};

function judgeService(service: FakeService | undefined, name: string): ServiceTokenVerification {
  const no = { valid: false, service: null, scopes: [], expiresAt: null };
  if (!service) return { ...no, reason: 'UNTRUSTED_SIGNATURE' };
  if (service.name.toLowerCase() !== name.toLowerCase()) return { ...no, reason: 'WRONG_AUDIENCE' };
  const { id, scopes } = service;
  return {
    valid: true,
    reason: null,
    service: { id, name: service.name, status: 'ACTIVE' },
    scopes,
    expiresAt: null,
  };
}

const bearerOf = ({ headers }: IncomingMessage) => headers.authorization?.replace(/^Bearer /, '');

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += String(part);
  return text;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
