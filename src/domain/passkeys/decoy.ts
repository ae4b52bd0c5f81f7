import { generateKeyPairSync } from 'node:crypto';
import type { PasskeyModel } from '../../db/models/passkey.js';
import { derive, type SealingKeys } from '../sealing.js';
import type { Descriptor } from './webauthn.js';

/** How long the ids of passkeys are, in bytes: those of Google, Apple and Windows. */
const LENGTHS = [16, 20, 32];

/**
 * The passkeys of who has none, or of nobody: the same at every time of asking, as real ones are.
 * @param login as it is compared
 */
export function pretendPasskeys(keys: SealingKeys, login: string): Descriptor[] {
  const id = derive(keys, 'passkey that is not there', login);
  const [sort = 0] = derive(keys, 'sort of passkey that is not there', login);
  const length = LENGTHS[sort % LENGTHS.length];
  return [{ id: id.subarray(0, length).toString('base64url'), transports: ['hybrid', 'internal'] }];
}

const KTY_EC2 = Buffer.from('a5010203262001', 'hex'); // { 1: 2, 3: -7, -1: 1, … } (RFC 9052 §7, RFC 9053 §7.1)
const X = Buffer.from('215820', 'hex');
const Y = Buffer.from('225820', 'hex');

/** A key that nobody can sign with: what is compared for an unknown passkey, so that it takes as long as a wrong signature. */
function makeDecoy(): Pick<PasskeyModel, 'credentialId' | 'publicKey' | 'deviceType'> {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const [atX, atY] = [x, y].map((half) => Buffer.from(half, 'base64url')) as [Buffer, Buffer];
  return {
    credentialId: Buffer.alloc(16),
    publicKey: Buffer.concat([KTY_EC2, X, atX, Y, atY]),
    deviceType: 'multiDevice',
  };
}

/** Made once; its other half is thrown away. */
export const DECOY = makeDecoy();
