import { z } from 'zod';
import { badInput, type AuthError } from '../../errors.js';

/** Longest credential id, in bytes (WebAuthn §4). */
const MOST_ID_BYTES = 1023;
/** No authenticator is known to send as much; in bytes. */
const MOST_BYTES = 16 * 1024;

const bytes = (most: number) =>
  z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .max(Math.ceil((most * 4) / 3));

/** What the browser says that it was asked, by whom (WebAuthn §5.8.1). */
export interface ClientData {
  type: string;
  /** In base64url. */
  challenge: string;
  origin: string;
  crossOrigin?: boolean | undefined;
}

const clientData: z.ZodType<ClientData> = z.object({
  type: z.string(),
  challenge: bytes(1024),
  origin: z.string(),
  crossOrigin: z.boolean().optional(),
});

const credential = { id: bytes(MOST_ID_BYTES), rawId: bytes(MOST_ID_BYTES), type: z.literal('public-key') };

const attestation = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: bytes(MOST_BYTES),
    attestationObject: bytes(MOST_BYTES),
    transports: z.array(z.string().max(32)).max(16).optional().catch(undefined),
  }),
});

const assertion = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: bytes(MOST_BYTES),
    authenticatorData: bytes(MOST_BYTES),
    signature: bytes(MOST_BYTES),
    // Some browsers write none as ''.
    userHandle: bytes(64).or(z.literal('')).nullish(),
  }),
});

/** A new passkey, as `navigator.credentials.create` answers it in JSON. */
export type Attestation = z.infer<typeof attestation> & { client: ClientData };
/** The use of a passkey, as `navigator.credentials.get` answers it in JSON. */
export type Assertion = z.infer<typeof assertion> & { client: ClientData };

/** @throws {AuthError} BAD_USER_INPUT for what no browser has made */
export const readAttestation = (given: unknown): Attestation => read(attestation, given);

/** @throws {AuthError} BAD_USER_INPUT for what no browser has made */
export const readAssertion = (given: unknown): Assertion => read(assertion, given);

function read<T extends { response: { clientDataJSON: string } }>(
  shape: z.ZodType<T>,
  given: unknown,
): T & { client: ClientData } {
  const parsed = shape.safeParse(given);
  const client = clientData.safeParse(parsed.success && jsonOf(parsed.data.response.clientDataJSON));
  if (!parsed.success || !client.success)
    throw badResponse('Must be what the browser answered, as its JSON.');
  return { ...parsed.data, client: client.data };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

/** What is wrong with the answer of a browser. */
export const badResponse = (message: string): AuthError => badInput([{ name: 'response', message }]);
