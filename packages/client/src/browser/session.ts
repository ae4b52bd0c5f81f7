import { fetchWith, type Bearer } from './fetching.js';
import { isPassing, persist, REFRESH, REVOKE, send, SIGN_IN } from './graph.js';
import { browserStorage, type SessionStorage } from './storage.js';
import { joinTabs, type Tabs } from './tabs.js';
import {
  ENDED,
  isOfAccount,
  isOfSession,
  readTokens,
  SessionError,
  tokensOf,
  type AuthPayloadLike,
  type SessionChange,
  type SessionTokens,
  type SignInOutcome,
} from './tokens.js';

/** What a session is made of. */
export interface SessionOptions {
  /** The GraphQL endpoint. */
  readonly url: string;
  /** Where it is kept; the browser's IndexedDB when left out. */
  readonly storage?: SessionStorage;
  /** How long before its end an access token is exchanged; 60 when left out, and never more than half its life. */
  readonly refreshBeforeSeconds?: number;
  /** Other origins that {@link Session.fetch} shows the token to, besides that of `url`. */
  readonly origins?: readonly string[];
  /** Tells the sessions of several applications on one origin apart; "authgraph" when left out. */
  readonly name?: string;
  readonly fetch?: typeof fetch;
  readonly now?: () => number;
}

/** Somebody's session in the browser, the same in every tab. */
export interface Session extends Bearer {
  /** @throws {SessionError} with the code that the service answered */
  signIn(credentials: { readonly login: string; readonly password: string }): Promise<SignInOutcome>;
  /** Takes what `signUp`, `verifyMfa`, `stepUp` and the like answered. */
  accept(payload: AuthPayloadLike): Promise<void>;
  /** A token that is good for a while; undefined where nobody is signed in. @throws {SessionError} where it cannot be renewed now */
  accessToken(): Promise<string | undefined>;
  /** Ends the session, here and at the service. The device stays known. */
  signOut(): Promise<void>;
  /** What marks this device as known at the next sign-in. */
  deviceToken(): Promise<string | undefined>;
  /** `fetch` with the token. */
  readonly fetch: typeof fetch;
  /** Tells of changes, in whichever tab they came about. @returns how to stop */
  subscribe(listener: (change: SessionChange) => void): () => void;
  close(): void;
}

const REFRESH_BEFORE_SECONDS = 60;
/** The longest that setTimeout can wait. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;
const TRY_AGAIN_MS = 5000;

/** Opens the session of this browser, if somebody is signed in, and keeps it alive while the page is open. */
export function createSession(options: SessionOptions): Session {
  return new BrowserSession(options);
}

class BrowserSession implements Session {
  readonly fetch: typeof fetch;
  readonly #to: { url: string; fetch: typeof fetch };
  readonly #storage: SessionStorage;
  readonly #tabs: Tabs;
  readonly #listeners = new Set<(change: SessionChange) => void>();
  readonly #now: () => number;
  readonly #beforeMs: number;
  readonly #keys: { session: string; device: string };
  #flight: Promise<SessionTokens | undefined> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor({
    url,
    storage,
    refreshBeforeSeconds,
    origins = [],
    name = 'authgraph',
    ...rest
  }: SessionOptions) {
    const base = () => baseOfPage() ?? url;
    const plain = rest.fetch ?? ((...call) => globalThis.fetch(...call));
    this.#to = { url, fetch: plain };
    this.#storage = storage ?? browserStorage();
    this.#now = rest.now ?? Date.now;
    this.#beforeMs = (refreshBeforeSeconds ?? REFRESH_BEFORE_SECONDS) * 1000;
    this.#keys = { session: `${name}.session`, device: `${name}.device` };
    this.#tabs = joinTabs(name, (change) => this.#heard(change));
    this.fetch = fetchWith({
      ...{ bearer: this, fetch: plain, base },
      origins: new Set([url, ...origins].map((one) => new URL(one, base()).origin)),
    });
    void this.#plan();
  }

  async signIn(credentials: { readonly login: string; readonly password: string }): Promise<SignInOutcome> {
    const { login, password } = credentials;
    const deviceToken = await this.deviceToken();
    const input = { login, password, ...(deviceToken === undefined ? {} : { deviceToken }) };
    const { signIn } = await send<{ signIn: Record<string, unknown> }>(this.#to, SIGN_IN, { input });
    if (signIn['__typename'] === 'MfaChallenge')
      return {
        kind: 'second-factor',
        ...(signIn as { challengeToken: string; methods: string[]; expiresAt: string }),
      };
    if (signIn['__typename'] === 'EmailVerificationPending')
      return { kind: 'email-not-verified', email: String(signIn['email']) };
    await this.accept(signIn as unknown as AuthPayloadLike);
    return { kind: 'signed-in' };
  }

  async accept(payload: AuthPayloadLike): Promise<void> {
    await this.#tabs.alone(() => this.#keep(payload));
    this.#changed({ type: 'signed-in' });
  }

  async accessToken(): Promise<string | undefined> {
    const held = await this.#read();
    if (!held || !this.#isDue(held)) return held?.accessToken;
    return (await this.#refresh(undefined))?.accessToken;
  }

  async renew(refused: string): Promise<string | undefined> {
    const renewed = (await this.#refresh(refused).catch(() => undefined))?.accessToken;
    // What somebody asked for is not done in the name of another who has signed in since then.
    const isTheirs = renewed !== undefined && renewed !== refused && isOfAccount(renewed, refused);
    return isTheirs ? renewed : undefined;
  }

  async signOut(): Promise<void> {
    const held = await this.#tabs.alone(async () => {
      const tokens = await this.#read();
      await this.#storage.remove(this.#keys.session);
      return tokens;
    });
    this.#changed({ type: 'signed-out' });
    // Gone from here whether or not the service can be told; it ends by itself.
    if (held) await send(this.#to, REVOKE, { token: held.refreshToken }).catch(() => undefined);
  }

  async ended(code: string, refused: string): Promise<void> {
    const isHeld = await this.#tabs.alone(async () => {
      const held = await this.#read();
      // Told late: whoever has signed in since then is not meant.
      if (!held || !isOfSession(held.accessToken, refused)) return false;
      await this.#storage.remove(this.#keys.session);
      return true;
    });
    if (isHeld) this.#changed({ type: 'signed-out', code });
  }

  async deviceToken(): Promise<string | undefined> {
    return (await this.#storage.get(this.#keys.device)) ?? undefined;
  }

  subscribe(listener: (change: SessionChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#tabs.close();
  }

  async #read(): Promise<SessionTokens | undefined> {
    return readTokens(await this.#storage.get(this.#keys.session));
  }

  async #keep(payload: AuthPayloadLike): Promise<SessionTokens> {
    const tokens = tokensOf(payload, this.#now());
    await this.#storage.set(this.#keys.session, JSON.stringify(tokens));
    if (payload.deviceToken) await this.#storage.set(this.#keys.device, payload.deviceToken);
    return tokens;
  }

  #isDue({ expiresAt, accessToken }: SessionTokens): boolean {
    return this.#now() >= expiresAt - Math.min(this.#beforeMs, lifeMs(accessToken) / 2);
  }

  /** One exchange at a time: in this tab one flight, among tabs one lock, and whoever waited takes what the first one got. */
  #refresh(refused: string | undefined): Promise<SessionTokens | undefined> {
    this.#flight ??= this.#tabs
      .alone(async () => {
        const held = await this.#read();
        if (!held) return undefined;
        const isNew = refused === undefined ? !this.#isDue(held) : held.accessToken !== refused;
        return isNew ? held : await this.#spend(held);
      })
      .finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  async #spend(held: SessionTokens): Promise<SessionTokens | undefined> {
    try {
      const { refreshToken } = held;
      const { refresh } = await persist<{ refresh: AuthPayloadLike }>(this.#to, REFRESH, { refreshToken });
      const tokens = await this.#keep(refresh);
      this.#changed({ type: 'refreshed' });
      return tokens;
    } catch (error) {
      if (!(error instanceof SessionError) || !ENDED.has(error.code)) {
        if (isPassing(error) && this.#now() < held.expiresAt) return held;
        throw error;
      }
      await this.#storage.remove(this.#keys.session);
      this.#changed({ type: 'signed-out', code: error.code });
      return undefined;
    }
  }

  #changed(change: SessionChange): void {
    this.#tabs.tell(change);
    this.#heard(change);
  }

  #heard(change: SessionChange): void {
    void this.#plan();
    for (const listener of this.#listeners) listener(change);
  }

  /** Wakes up when the token is due, whether or not somebody asks for it. */
  async #plan(): Promise<void> {
    clearTimeout(this.#timer);
    const held = await this.#read();
    if (!held || this.#isClosed) return;
    const early = Math.min(this.#beforeMs, lifeMs(held.accessToken) / 2);
    const waitMs = Math.max(held.expiresAt - early - this.#now(), 0);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#wake(), Math.min(waitMs, LONGEST_WAIT_MS));
    (this.#timer as { unref?: () => void }).unref?.();
  }

  async #wake(): Promise<void> {
    const before = await this.#read();
    const after = await this.accessToken().catch(() => undefined);
    if (this.#isClosed || after !== before?.accessToken) return;
    // Neither exchanged nor signed out: the service does not answer now.
    this.#timer = setTimeout(() => void this.#wake(), TRY_AGAIN_MS);
    (this.#timer as { unref?: () => void }).unref?.();
  }
}

/** What `fetch` goes by: of a page that names a base, that and not its address. */
function baseOfPage(): string | undefined {
  const { document, location } = globalThis as {
    document?: { baseURI: string };
    location?: { href: string };
  };
  return document?.baseURI ?? location?.href;
}

const lifeMs = (token: string): number => tokensOf({ accessToken: token, refreshToken: '' }, 0).expiresAt;
