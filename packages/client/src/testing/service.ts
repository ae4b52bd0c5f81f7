import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refusal, type ServiceTokenVerification, type TokenVerification } from '../answers.js';
import { openFakeFeed, type FakeFeed } from './feed.js';
import { createMint, type Mint, type MintedClaims, type MintOptions } from './mint.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever a test or a client says
type Anything = Record<string, any>;

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
  token(claims?: MintedClaims): string;
  /** Ends a session, told by the feed. */
  revokeSession(sid: string): void;
  /** Registers a service with a token. */
  service(name: string, scopes?: readonly string[]): FakeService;
  /** Answers `verifyToken` from now on. */
  answerWith(answer: (token: string) => TokenVerification): void;
  /** Fails every question, or stops failing. */
  fail(isFailing: boolean): void;
  /** Paths and operations that were asked for, in turn, such as `VerifyTokens(3)`. */
  readonly asked: string[];
  close(): Promise<void>;
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
  const services = new Map<string, FakeService>();
  const ended = new Set<string>();
  const state = { isFailing: false, asked: [] as string[] };
  const claimsOf = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}') as Record<
      string,
      unknown
    >;
  const byClaims = (token: string): TokenVerification => {
    const { sub, sid, exp, roles = [], scope = '' } = claimsOf(token) as Anything;
    if (ended.has(sid)) return refusal('REVOKED');
    if (Number(exp) * 1000 <= now()) return refusal('EXPIRED');
    const permissions = String(scope).split(' ').filter(Boolean);
    const names = roles as readonly string[];
    const who = { username: null, email: null, role: names[0] ?? null, roles: names, permissions };
    return {
      ...{
        valid: true,
        reason: null,
        service: null,
        sessionId: sid,
        issuer: mint.issuer,
        scopes: permissions,
      },
      subject: { id: sub, type: 'USER', ...who },
      expiresAt: new Date(Number(exp) * 1000).toISOString(),
    };
  };
  let answer = byClaims;
  const register = (name: string, scopes: readonly string[] = []): FakeService => {
    const service = { id: randomUUID(), name, token: `ags_test_${randomUUID()}`, scopes };
    services.set(service.token, service);
    return service;
  };
  const self = register('self');
  const operations: Record<string, (variables: Anything) => unknown> = {
    VerifyTokens: ({ requests }) => {
      const all = requests as readonly { token: string }[];
      state.asked.push(`VerifyTokens(${all.length})`);
      return { verifyTokens: all.map(({ token }) => answer(token)) };
    },
    VerifyServiceToken: ({ serviceName, token }) => {
      state.asked.push('VerifyServiceToken');
      return { verifyServiceToken: judgeService(services.get(token), serviceName) };
    },
    UserById: ({ id }) => {
      state.asked.push('UserById');
      const names = { email: null, firstName: null, lastName: null };
      return { user: { id, username: `user-${String(id).slice(0, 8)}`, status: 'ACTIVE', ...names } };
    },
    Revoke: ({ token }) => {
      state.asked.push('Revoke');
      end(String(claimsOf(token)['sid']));
      return { revoke: true };
    },
  };
  const end = (sid: string) => {
    ended.add(sid);
    fake.feed.revoke({ kind: 'session', key: sid });
  };
  const server = createServer((request, response) => {
    void (async () => {
      const path = request.url ?? '/';
      if (path === '/.well-known/jwks.json') {
        state.asked.push('jwks');
        return json(response, 200, mint.jwks());
      }
      if (path === '/.well-known/openid-configuration') return json(response, 200, { issuer: mint.issuer });
      if (state.isFailing) return void request.socket.destroy();
      if (bearerOf(request) !== self.token) return json(response, 401, { errors: [{ message: 'No.' }] });
      if (path === '/revocations')
        return fake.admit(response, request.headers['last-event-id'] as string | undefined);
      if (path === '/oauth/token') {
        const audience = new URLSearchParams(await bodyOf(request)).get('audience') ?? '';
        state.asked.push(`token(${audience})`);
        return json(response, 200, {
          access_token: mint.token({ claims: { aud: audience } }),
          expires_in: 300,
        });
      }
      const { operationName, variables } = JSON.parse(await bodyOf(request)) as {
        operationName: string;
        variables: Anything;
      };
      json(response, 200, { data: operations[operationName]?.(variables) });
    })();
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  return {
    ...{ issuer: mint.issuer, audience: mint.audience, jwks: mint.jwks, token: mint.token },
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{
      serviceToken: self.token,
      feed: fake.feed,
      asked: state.asked,
      service: register,
      revokeSession: end,
    },
    answerWith: (next) => void (answer = next),
    fail(isFailing) {
      state.isFailing = isFailing;
      if (isFailing) fake.feed.cut();
    },
    async close() {
      fake.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

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
