import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import type { Answer, TestApp } from './app.js';
import { codeOf } from './calls.js';
import type { Person } from './people.js';

type Door = Pick<TestApp, 'graphql'>;

/** What a service under test is known by. */
export const RP_ID = 'auth.example.test';
export const ORIGIN = `https://${RP_ID}`;

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON of the browser's interface
export type Json = Record<string, any>;
type Algorithm = 'ES256' | 'EdDSA' | 'RS256';

/** How a device or a browser that lies, or somebody in between, departs from what is right. */
export interface Lies {
  origin?: string;
  rpId?: string;
  challenge?: string;
  type?: string;
  crossOrigin?: boolean;
  userPresent?: boolean;
  userVerified?: boolean;
  counter?: number;
  /** Null for none. */
  userHandle?: string | null;
  /** The id that is told, of whosever key signs. */
  id?: string;
  /** Whose key signs, if not its own. */
  signer?: Device;
  backupEligible?: boolean;
  attestation?: { fmt: string; attStmt: Cbor };
}

/** An authenticator and the browser before it, holding one key. */
export interface Device {
  /** Of its passkey, in base64url; empty before there is one. */
  readonly id: string;
  readonly key: KeyObject;
  /** As `navigator.credentials.create` would answer these options. */
  create(options: Json, lies?: Lies): Json;
  /** As `navigator.credentials.get` would. */
  get(options: Json, lies?: Lies): Json;
}

interface Make {
  algorithm?: Algorithm;
  /** Whether the key can be copied to other devices. */
  synced?: boolean;
  /** Whether it counts its uses. */
  counts?: boolean;
}

/** A device with a key of its own. */
export function device({ algorithm = 'ES256', synced = false, counts = true }: Make = {}): Device {
  const { publicKey, privateKey } = keyPair(algorithm);
  const credentialId = randomBytes(20);
  const id = credentialId.toString('base64url');
  let used = 0;
  let handle: string | undefined;

  function authenticatorData(rpId: string, lies: Lies, attested?: Buffer): Buffer {
    const eligible = lies.backupEligible ?? synced;
    const bits = [
      lies.userPresent === false ? 0 : 0x01,
      lies.userVerified === false ? 0 : 0x04,
      eligible ? 0x18 : 0,
      attested ? 0x40 : 0,
    ];
    const head = Buffer.alloc(5);
    head[0] = bits.reduce((sum, bit) => sum | bit, 0);
    head.writeUInt32BE(lies.counter ?? (counts ? ++used : 0), 1);
    const hash = createHash('sha256')
      .update(lies.rpId ?? rpId)
      .digest();
    return Buffer.concat([hash, head, ...(attested ? [attested] : [])]);
  }

  return {
    id,
    key: privateKey,
    create(options, lies = {}) {
      handle = options['user'].id as string;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(credentialId.length);
      const attested = Buffer.concat([Buffer.alloc(16, 7), length, credentialId, cose(publicKey, algorithm)]);
      const { fmt, attStmt } = lies.attestation ?? { fmt: 'none', attStmt: new Map<Cbor, Cbor>() };
      const object = new Map<Cbor, Cbor>([
        ['fmt', fmt],
        ['attStmt', attStmt],
        ['authData', authenticatorData(options['rp'].id as string, lies, attested)],
      ]);
      return {
        id: lies.id ?? id,
        rawId: lies.id ?? id,
        type: 'public-key',
        authenticatorAttachment: 'platform',
        clientExtensionResults: { credProps: { rk: true } },
        response: {
          clientDataJSON: clientData('webauthn.create', options, lies).toString('base64url'),
          attestationObject: cbor(object).toString('base64url'),
          transports: ['internal', 'hybrid', 'telepathy'],
        },
      };
    },
    get(options, lies = {}) {
      const client = clientData('webauthn.get', options, lies);
      const data = authenticatorData(options['rpId'] as string, lies);
      const told = lies.id ?? id;
      const userHandle = lies.userHandle === undefined ? handle : lies.userHandle;
      const signature = signed(
        Buffer.concat([data, createHash('sha256').update(client).digest()]),
        lies.signer?.key ?? privateKey,
      );
      return {
        id: told,
        rawId: told,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: signature.toString('base64url'),
          ...(typeof userHandle === 'string' ? { userHandle } : {}),
        },
      };
    },
  };
}

function keyPair(algorithm: Algorithm) {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

const signed = (data: Buffer, key: KeyObject) =>
  sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', data, key);

function clientData(type: string, options: Json, lies: Lies): Buffer {
  const { challenge, crossOrigin = false, origin = ORIGIN } = lies;
  return Buffer.from(
    JSON.stringify({
      type: lies.type ?? type,
      challenge: challenge ?? options['challenge'],
      origin,
      crossOrigin,
    }),
  );
}

/** A COSE_Key (RFC 9053 §7). */
function cose(key: KeyObject, algorithm: Algorithm): Buffer {
  const jwk = key.export({ format: 'jwk' }) as Record<string, string>;
  const part = (name: string) => Buffer.from(jwk[name]!, 'base64url');
  const shapes: Record<Algorithm, () => [number, Cbor][]> = {
    ES256: () => [
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, part('x')],
      [-3, part('y')],
    ],
    EdDSA: () => [
      [1, 1],
      [3, -8],
      [-1, 6],
      [-2, part('x')],
    ],
    RS256: () => [
      [1, 3],
      [3, -257],
      [-1, part('n')],
      [-2, part('e')],
    ],
  };
  return cbor(new Map<Cbor, Cbor>(shapes[algorithm]()));
}

export type Cbor = number | string | Buffer | Cbor[] | Map<Cbor, Cbor>;

/** As much of CBOR (RFC 8949) as passkeys are written in. */
export function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  return Buffer.concat([head(5, value.size), ...[...value].flat().map((part) => cbor(part))]);
}

function head(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  if (count < 256) return Buffer.from([(major << 5) | 24, count]);
  return Buffer.from([(major << 5) | 25, count >> 8, count & 255]);
}

const AUTH = '{ accessToken refreshToken session { id aal amr } user { id username } }';

/** What anybody may ask about passkeys. Each answers as it came, refused or not. */
export function visitorOf(app: Door) {
  return {
    options: (login?: string | null) =>
      login === undefined
        ? app.graphql('mutation { passkeySignInOptions }')
        : app.graphql('mutation ($l: String) { passkeySignInOptions(login: $l) }', { l: login }),
    signIn: (response: unknown) =>
      app.graphql(`mutation ($r: JSON!) { signInWithPasskey(response: $r) ${AUTH} }`, { r: response }),
    challengeOptions: (challengeToken: string) =>
      app.graphql('mutation ($c: String!) { passkeyChallengeOptions(challengeToken: $c) }', {
        c: challengeToken,
      }),
    verify: (challengeToken: string, response: unknown) =>
      app.graphql(
        `mutation ($c: String!, $r: JSON!) { verifyMfaWithPasskey(challengeToken: $c, response: $r) ${AUTH} }`,
        { c: challengeToken, r: response },
      ),
  };
}

/** Somebody at their own passkeys. Each answers as it came, refused or not. */
export function passkeysOf(app: Door, { access }: Pick<Person, 'access'>) {
  const run = (query: string, variables: Json = {}) => app.graphql(query, variables, { bearer: access });
  const FIELDS = '{ id name createdAt lastUsedAt }';
  return {
    options: (password: string) =>
      run('mutation ($p: String!) { passkeyRegistrationOptions(password: $p) }', { p: password }),
    register: (response: unknown, name?: string) =>
      run(`mutation ($r: JSON!, $n: String) { registerPasskey(response: $r, name: $n) ${FIELDS} }`, {
        r: response,
        ...(name === undefined ? {} : { n: name }),
      }),
    rename: (id: string, name: string) =>
      run(`mutation ($i: ID!, $n: String!) { renamePasskey(id: $i, name: $n) ${FIELDS} }`, {
        i: id,
        n: name,
      }),
    remove: (id: string, password: string) =>
      run('mutation ($i: ID!, $p: String!) { removePasskey(id: $i, password: $p) }', { i: id, p: password }),
    list: () => run(`{ me { passkeys ${FIELDS} } }`),
    stepUpOptions: () => run('mutation { passkeyStepUpOptions }'),
    stepUp: (response: unknown) =>
      run(`mutation ($r: JSON!) { stepUpWithPasskey(response: $r) ${AUTH} }`, { r: response }),
  };
}

/** The options in an answer. */
export function optionsIn({ data, body }: Answer): Json {
  const [options] = Object.values(data);
  if (!options) throw new Error(body);
  return options as Json;
}

/** Registers a passkey for somebody. @returns the device that holds it, and the passkey's id here */
export async function addPasskey(
  app: Door,
  person: Pick<Person, 'access' | 'password'>,
  own: Device = device(),
): Promise<Device & { passkeyId: string }> {
  const door = passkeysOf(app, person);
  const answer = await door.register(own.create(optionsIn(await door.options(person.password))));
  if (codeOf(answer) !== undefined) throw new Error(answer.body);
  return Object.assign(Object.create(own) as Device, {
    passkeyId: answer.data['registerPasskey'].id as string,
  });
}

/** Signs in by a passkey. */
export async function enterByPasskey(
  app: Door,
  own: Device,
  login?: string,
  lies: Lies = {},
): Promise<Answer> {
  const door = visitorOf(app);
  return door.signIn(own.get(optionsIn(await door.options(login)), lies));
}
