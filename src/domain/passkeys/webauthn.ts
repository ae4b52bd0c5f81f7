import type { PasskeyModel } from '../../db/models/passkey.js';
import type { UserModel } from '../../db/models/user.js';
import type { Config } from '../../config.js';
import { LIFE_SECONDS } from './challenge.js';
import type { Assertion, Attestation, ClientData } from './response.js';

type Relying = Pick<Config, 'webauthn' | 'mfa'>;
type Keys = Pick<PasskeyModel, 'credentialId' | 'publicKey' | 'deviceType'>;

/** What the browser's WebAuthn interface is handed, as its JSON. */
export type PasskeyOptions = object;

/** One of the passkeys that a browser is to look for. */
export interface Descriptor {
  /** In base64url. */
  id: string;
  transports: string[];
}

/** What was learned of a passkey as it was made. */
export type NewPasskey = Pick<
  PasskeyModel,
  'credentialId' | 'publicKey' | 'counter' | 'transports' | 'aaguid' | 'deviceType' | 'backedUp'
>;

/** What was learned of a passkey as it was used. */
export interface Use {
  counter: number;
  backedUp: boolean;
}

/** By the numbers of COSE (RFC 9053): ES256, EdDSA, RS256. What a replica takes must not hang on its version of Node. */
const ALGORITHMS = [-7, -8, -257];
/** Room for an RSA key of 4096 bits. */
const MOST_KEY_BYTES = 1024;
const TRANSPORTS = new Set(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']);
const TIMEOUT_MS = LIFE_SECONDS * 1000;

/** At the first passkey and not before: it weighs 25 MB and half a second, which who has no passkeys never needs. */
export const library = () => import('@simplewebauthn/server');
const codec = () => import('@simplewebauthn/server/helpers');

/** The account's id as bytes: what an authenticator keeps beside the key, and no personal data (WebAuthn §14.6.1). */
export const handleOf = (userId: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.from(userId.replaceAll('-', ''), 'hex'));

/** How a browser is told of a passkey. */
export const describePasskey = ({ credentialId, transports }: PasskeyModel): Descriptor => ({
  id: credentialId.toString('base64url'),
  transports,
});

/** Asks for a new passkey. @param present those that the account has, which are not to be made again */
export async function creationOptions(
  { webauthn, mfa }: Relying,
  challenge: Buffer,
  user: UserModel,
  present: readonly PasskeyModel[],
): Promise<PasskeyOptions> {
  const { generateRegistrationOptions } = await library();
  return generateRegistrationOptions({
    rpName: mfa.issuer,
    rpID: webauthn.rpId,
    userName: user.email,
    userDisplayName: [user.firstName, user.lastName].filter(Boolean).join(' '),
    userID: handleOf(user.id),
    challenge: new Uint8Array(challenge),
    timeout: TIMEOUT_MS,
    attestationType: 'none',
    excludeCredentials: present.map(describePasskey),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

/** Asks for the use of a passkey: of one of those, or of any that the device knows for this service. */
export async function requestOptions(
  { webauthn }: Relying,
  challenge: Buffer,
  allowed?: Descriptor[],
): Promise<PasskeyOptions> {
  const { generateAuthenticationOptions } = await library();
  return generateAuthenticationOptions({
    rpID: webauthn.rpId,
    challenge: new Uint8Array(challenge),
    timeout: TIMEOUT_MS,
    userVerification: 'required',
    ...(allowed && { allowCredentials: allowed }),
  });
}

/** Whether a page of ours, and not one that is shown inside another's, has asked. */
export const isOurs = ({ webauthn }: Relying, { origin, crossOrigin }: ClientData): boolean =>
  crossOrigin !== true && webauthn.origins.includes(origin);

/** The passkey that was made, or undefined where it was not made for us, for this challenge, by somebody verified. */
export async function verifyCreation(
  { webauthn }: Relying,
  { client, ...made }: Attestation,
): Promise<NewPasskey | undefined> {
  const { verifyRegistrationResponse } = await library();
  const outcome = await undefinedIfThrown(async () =>
    verifyRegistrationResponse({
      response: {
        ...made,
        response: {
          clientDataJSON: made.response.clientDataJSON,
          attestationObject: await withoutStatement(made.response.attestationObject),
        },
        clientExtensionResults: {},
      },
      // Spent already, which is how it is known to be ours.
      expectedChallenge: client.challenge,
      expectedOrigin: [...webauthn.origins],
      expectedRPID: webauthn.rpId,
      supportedAlgorithmIDs: ALGORITHMS,
      requireUserVerification: true,
    }),
  );
  if (!outcome?.verified) return undefined;
  const { credential, aaguid, credentialDeviceType, credentialBackedUp } = outcome.registrationInfo;
  if (credential.publicKey.length > MOST_KEY_BYTES) return undefined;
  return {
    credentialId: Buffer.from(credential.id, 'base64url'),
    publicKey: Buffer.from(credential.publicKey),
    counter: credential.counter,
    // In one order, so that pretended ones are like them.
    transports: [...new Set(made.response.transports)].filter((name) => TRANSPORTS.has(name)).sort(),
    aaguid,
    deviceType: credentialDeviceType,
    backedUp: credentialBackedUp,
  };
}

/**
 * The same without the statement of the device's maker. We ask for none and trust none; reading one would have certificates
 * of anybody's making parsed, and lists of revoked ones fetched from wherever these say.
 */
async function withoutStatement(attestationObject: string): Promise<string> {
  const { decodeAttestationObject, isoCBOR } = await codec();
  const decoded = decodeAttestationObject(new Uint8Array(Buffer.from(attestationObject, 'base64url')));
  const bare = new Map<string, string | Uint8Array<ArrayBuffer> | Map<string, string>>()
    .set('fmt', 'none')
    .set('attStmt', new Map())
    .set('authData', decoded.get('authData'));
  return Buffer.from(isoCBOR.encode(bare)).toString('base64url');
}

/** What the use of a passkey tells, or undefined where it was not used for us, for this challenge, by somebody verified. */
export async function verifyUse(
  { webauthn }: Relying,
  { client, ...used }: Assertion,
  passkey: Keys,
): Promise<Use | undefined> {
  const { verifyAuthenticationResponse } = await library();
  const { clientDataJSON, authenticatorData, signature } = used.response;
  const outcome = await undefinedIfThrown(() =>
    verifyAuthenticationResponse({
      response: {
        ...used,
        response: { clientDataJSON, authenticatorData, signature },
        clientExtensionResults: {},
      },
      expectedChallenge: client.challenge,
      expectedOrigin: [...webauthn.origins],
      expectedRPID: webauthn.rpId,
      // The counter is compared where it is kept: of two uses at once, one is too late.
      credential: {
        id: passkey.credentialId.toString('base64url'),
        publicKey: new Uint8Array(passkey.publicKey),
        counter: 0,
      },
      requireUserVerification: true,
    }),
  );
  if (!outcome?.verified) return undefined;
  const { newCounter, credentialBackedUp, credentialDeviceType } = outcome.authenticationInfo;
  // Whether a key may be copied is decided when it is made (WebAuthn §6.1.3).
  return credentialDeviceType === passkey.deviceType
    ? { counter: newCounter, backedUp: credentialBackedUp }
    : undefined;
}

/** The library asks nothing but what came along: whatever it throws is about that. */
async function undefinedIfThrown<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}
