import { randomFillSync } from 'node:crypto';

/** Drawn at once: so many take hardly longer than a few. */
const POOL_BYTES = 4096;

const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let given = POOL_BYTES;

/** Where in the pool so many bytes stand that nobody has been given. @throws {RangeError} where they cannot be so many */
function draw(size: number): number {
  // Another number would move the mark back to bytes that were given, or out of the pool.
  if (!Number.isInteger(size) || size < 0 || size > POOL_BYTES)
    throw new RangeError(`No ${size} bytes can be drawn at once.`);
  if (given + size > POOL_BYTES) {
    randomFillSync(pool);
    given = 0;
  }
  given += size;
  return given - size;
}

/** Bytes by chance, fit for secrets; at most 4096. @throws {RangeError} for any other number */
export function bytesByChance(size: number): Buffer {
  const at = draw(size);
  const bytes = Buffer.from(pool.subarray(at, at + size));
  // Whoever has them has them alone.
  pool.fill(0, at, at + size);
  return bytes;
}

/** A whole number from 0 up to 2³², by chance; for what is no secret. */
export const numberByChance = (): number => pool.readUInt32LE(draw(4));
