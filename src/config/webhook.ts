/** What WEBHOOK_URL and what belongs to it cannot be at once. @param given the environment, as it is written */
export function webhookMistakes(given: Record<string, string | undefined>): string[] {
  const { WEBHOOK_URL: webhookUrl, WEBHOOK_SECRET: secret, WEBHOOK_ALLOW_PRIVATE_NETWORK: allowed } = given;
  if ((webhookUrl === undefined) !== (secret === undefined))
    return ['WEBHOOK_URL and WEBHOOK_SECRET must be set together'];
  const isOpen = allowed === 'on' || allowed === 'true' || allowed === '1';
  return !isOpen && /^http:/i.test(webhookUrl ?? '')
    ? ['WEBHOOK_URL must be https, unless WEBHOOK_ALLOW_PRIVATE_NETWORK is on']
    : [];
}

/** As Standard Webhooks writes secrets: bytes in base64 after a prefix; any other text is taken as it is. */
export function webhookKey(text: string): Buffer {
  const [, encoded] = /^whsec_(.*)$/s.exec(text) ?? [];
  return encoded === undefined ? Buffer.from(text) : Buffer.from(encoded, 'base64');
}

interface Given {
  WEBHOOK_URL?: string | undefined;
  WEBHOOK_SECRET?: string | undefined;
  WEBHOOK_ALLOW_PRIVATE_NETWORK: boolean;
}

/** Who is told of alerts, if anybody. */
export function webhookOf({ WEBHOOK_URL: url, WEBHOOK_SECRET: secret, ...given }: Given) {
  if (url === undefined || secret === undefined) return undefined;
  return { url, secret: webhookKey(secret), allowPrivateNetwork: given.WEBHOOK_ALLOW_PRIVATE_NETWORK };
}
