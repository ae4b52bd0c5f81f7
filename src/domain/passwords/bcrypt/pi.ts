/** Bits beyond those wanted, for what rounding takes. */
const GUARD = 64n;

/** Chudnovsky's series: each term brings 47 bits. @see https://en.wikipedia.org/wiki/Chudnovsky_algorithm */
const START = 13591409n;
const STEP = 545140134n;
const CUBE = 640320n ** 3n / 24n;

/** The fraction of π, which Blowfish begins with: as many words of 32 bits, from the first on. */
export function fractionOfPi(words: number): Uint32Array {
  const bits = BigInt(32 * words);
  const fraction = (pi(bits + GUARD) >> GUARD) & ((1n << bits) - 1n);
  const digits = fraction.toString(16).padStart(8 * words, '0');
  return Uint32Array.from({ length: words }, (_, at) => parseInt(digits.slice(8 * at, 8 * at + 8), 16));
}

/** π times two to the power of so many. */
function pi(bits: bigint): bigint {
  const one = 1n << bits;
  let [term, sum] = [one, START * one];
  for (let k = 1n; term !== 0n; k++) {
    term = (-term * (6n * k - 5n) * (2n * k - 1n) * (6n * k - 1n)) / (k ** 3n * CUBE);
    sum += (START + STEP * k) * term;
  }
  return (426880n * squareRoot(10005n * one * one) * one) / sum;
}

/** Newton's way, from above. */
function squareRoot(square: bigint): bigint {
  let root = 1n << BigInt(Math.ceil(square.toString(16).length / 2) * 4);
  for (let next = root; (next = (root + square / root) >> 1n) < root;) root = next;
  return root;
}
