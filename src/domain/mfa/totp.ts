import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** What every authenticator app takes without asking: SHA-1, six digits, thirty seconds (RFC 6238). */
const STEP_SECONDS = 30;
const DIGITS = 6;
/** How many steps a device's clock may be off, either way (RFC 6238 §5.2 advises one). */
const DRIFT_STEPS = 1;
/** As long as the MAC's output (RFC 4226 §4, R6). */
const SEED_BYTES = 20;

export const newSeed = (): Buffer => randomBytes(SEED_BYTES);

/** The time step that a moment falls in. @param now milliseconds since 1970 */
export const stepAt = (now: number): number => Math.floor(now / 1000 / STEP_SECONDS);

/** The code of one time step. @see RFC 4226 §5.3 */
export function codeAt(seed: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', seed).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const truncated = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(truncated % 10 ** DIGITS).padStart(DIGITS, '0');
}

/** The steps around `now` that have this code, latest first: nearly always one or none. */
export function matchingSteps(seed: Buffer, code: string, now: number): number[] {
  if (!/^\d{6}$/.test(code)) return [];
  const latest = stepAt(now) + DRIFT_STEPS;
  const near = Array.from({ length: 2 * DRIFT_STEPS + 1 }, (_, back) => latest - back);
  const given = Buffer.from(code);
  return near.filter((step) => step >= 0 && timingSafeEqual(Buffer.from(codeAt(seed, step)), given));
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 §6, unpadded, as authenticator apps want it typed. */
export function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? [])
    .map((group) => BASE32.charAt(Number.parseInt(group.padEnd(5, '0'), 2)))
    .join('');
}

/** What a QR code tells an authenticator app. */
export function otpauthUri(issuer: string, account: string, seed: Buffer): string {
  const [by, of] = [encodeURIComponent(issuer), encodeURIComponent(account)];
  return `otpauth://totp/${by}:${of}?secret=${base32(seed)}&issuer=${by}&algorithm=SHA1&digits=${DIGITS}&period=${STEP_SECONDS}`;
}
