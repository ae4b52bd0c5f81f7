/** Arguments and input fields whose values are secrets, and answers that hand one out. */
const ASKED = /^(password|currentPassword|newPassword|code|token|challengeToken|refreshToken|deviceToken)$/;
const ANSWERED =
  /^(accessToken|refreshToken|deviceToken|challengeToken|token|secret|otpauthUri|codes|password)$/;
/** Variables of the service's own environment; of a URL only the password is one. */
const CONFIGURED = /^(GATEWAY_SECRETS|ENCRYPTION_KEYS|PASSWORD_PEPPERS|WEBHOOK_SECRET|OWNER_PASSWORD)$/;
const CREDENTIAL_HEADER = /^(authorization|x-service-token|x-gateway-secret|cookie)$/i;

const TOTP_CODE = /^\d{6}$/;
/** What a test sends as a token that is none: a word, or the id of something. */
const NO_SECRET = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$|^[a-z -]*$/i;
/** Shorter ones are made up to be refused, and stand in texts by chance. */
const SHORTEST = 12;

/** What was found of a secret, and in what kind of text. */
export interface Finding {
  kind: string;
  text: string;
}

/**
 * Secrets that clients of a test file sent or were given, and all that the services have let be seen meanwhile: log lines,
 * audit rows, subjects of mails, errors. None of the former may stand in any of the latter.
 */
export class Evidence {
  readonly secrets = new Set<string>();
  readonly #texts = new Map<string, Set<string>>();

  /** A value that must not be seen; what is too short or too plain to be one is left out. */
  secret(value: unknown): void {
    if (Array.isArray(value)) for (const one of value) this.secret(one);
    if (typeof value !== 'string') return;
    const isLong = value.length >= SHORTEST && !NO_SECRET.test(value);
    if (isLong || TOTP_CODE.test(value)) this.secrets.add(value);
  }

  /** Something that anybody may come to see. */
  text(kind: string, text: string): void {
    const kept = this.#texts.get(kind) ?? new Set();
    this.#texts.set(kind, kept.add(text));
  }

  /** One request and its answer: secrets are known by the names of arguments and fields. */
  exchange(query: string, variables: object, headers: Record<string, string>, answer: unknown): void {
    const names = new Map(
      [...query.matchAll(/(\w+)\s*:\s*\$(\w+)/g)].map(([, argument, variable]) => [variable, argument]),
    );
    for (const [name, value] of Object.entries(variables)) {
      if (ASKED.test(names.get(name) ?? '')) this.secret(value);
      this.#gather(value, ASKED);
    }
    for (const [name, value] of Object.entries(headers))
      if (CREDENTIAL_HEADER.test(name)) this.secret(value.replace(/^\w+ /, ''));
    const { data, errors } = answer as { data?: unknown; errors?: unknown };
    this.#gather(data, ANSWERED);
    if (errors !== undefined) this.text('error', JSON.stringify(errors));
  }

  /** What a service is started with. */
  environment(env: Record<string, string>): void {
    for (const [name, value] of Object.entries(env)) {
      if (CONFIGURED.test(name)) this.secret(value.split(','));
      if (URL.canParse(value)) this.secret(decodeURIComponent(new URL(value).password));
    }
  }

  /** Which kinds of text have been seen. */
  kinds(): string[] {
    return [...this.#texts.keys()];
  }

  /** What the secrets were found in. */
  findings(): Finding[] {
    const forms = [...this.secrets].filter((secret) => !TOTP_CODE.test(secret)).flatMap(formsOf);
    const codes = new Set([...this.secrets].filter((secret) => TOTP_CODE.test(secret)));
    return [...this.#texts].flatMap(([kind, texts]) =>
      [...texts]
        .filter((text) => holds(text, forms, codes))
        .map((text) => ({ kind, text: text.slice(0, 500) })),
    );
  }

  #gather(value: unknown, names: RegExp): void {
    if (Array.isArray(value)) for (const one of value) this.#gather(one, names);
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (names.test(name)) this.secret(inner);
      this.#gather(inner, names);
    }
  }
}

/** As it is, in JSON, in a URL, and in base64. */
const formsOf = (secret: string): string[] => [
  ...new Set([
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret.toWellFormed()),
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  ]),
];

const holds = (text: string, forms: readonly string[], codes: ReadonlySet<string>): boolean =>
  forms.some((form) => text.includes(form)) ||
  (text.match(/(?<![\w.-])\d{6}(?![\w.-])/g) ?? []).some((word) => codes.has(word));

/** Of this test file. */
export const evidence = new Evidence();

/** Where a service under test logs to. */
export const logSink = { write: (line: string) => evidence.text('log', withoutTimes(line)) };

/** What a program prints; save the welcome, which shows a new owner’s password to whoever starts it. */
export const keepOutput = (line: string) => {
  if (!line.startsWith('  ')) logSink.write(line);
};

/** Lines that differ in nothing else are one. */
const withoutTimes = (line: string) =>
  line.replace(/"(time|ms)":[\d.]+,?/g, '').replace(/"requestId":"[^"]*",?/, '');

/** @throws when a secret of this test file has been seen; it tells where, and not which */
export function requireNothingSecretSeen(of: Evidence = evidence): void {
  const findings = of.findings();
  if (findings.length === 0) return;
  const told = findings.slice(0, 5).map(({ kind, text }) => `  ${kind}: ${text}`);
  throw new Error(`Something secret was seen in ${findings.length} places:\n${told.join('\n')}`);
}
