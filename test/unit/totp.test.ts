import { describe, expect, it } from '@jest/globals';
import { base32, codeAt, matchingSteps, newSeed, otpauthUri, stepAt } from '../../src/domain/mfa/totp.js';

/** RFC 6238, appendix B: the seed of the SHA-1 vectors. */
const SEED = Buffer.from('12345678901234567890');

describe('a time-based code', () => {
  it.each([
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ])('at %i seconds is that of RFC 6238', (seconds, vector) => {
    // The vectors have eight digits, of which six are shown.
    expect(codeAt(SEED, stepAt(seconds * 1000))).toBe(vector.slice(-6));
  });

  it.each(
    ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'].map(
      (code, at) => [at, code] as const,
    ),
  )('of count %i is that of RFC 4226', (count, code) => expect(codeAt(SEED, count)).toBe(code));

  it('is good a step before and after, and not two', () => {
    const now = 1_800_000_000_000;
    const step = stepAt(now);
    const taken = [-2, -1, 0, 1, 2].filter(
      (off) => matchingSteps(SEED, codeAt(SEED, step + off), now).length > 0,
    );
    expect(taken).toEqual([-1, 0, 1]);
  });

  it('changes at the half minute, to the millisecond', () => {
    expect(stepAt(1_800_000_029_999)).toBe(stepAt(1_800_000_000_000));
    expect(stepAt(1_800_000_030_000)).toBe(stepAt(1_800_000_000_000) + 1);
  });

  it('is nothing but six digits', () => {
    const now = 59_000;
    expect(matchingSteps(SEED, '287082', now)).toEqual([1]);
    for (const text of ['', '28708', '2870820', ' 287082', '٢٨٧٠٨٢', '28708\u0000', '0x4616a'])
      expect(matchingSteps(SEED, text, now)).toEqual([]);
  });

  it('is looked for at the beginning of time without an error', () => {
    expect(matchingSteps(SEED, '755224', 0)).toEqual([0]);
  });
});

describe('a secret', () => {
  it('has 160 bits, and no two are alike', () => {
    const [one, other] = [newSeed(), newSeed()];
    expect([one.length, one.equals(other)]).toEqual([20, false]);
  });

  it.each([
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ])('%p is written as in RFC 4648', (text, encoded) => expect(base32(Buffer.from(text))).toBe(encoded));

  it('is told to an app with whatever name it goes by', () => {
    const uri = new URL(otpauthUri('Ana & Söhne: auth/?', 'a+b:c@example.test?x=1&y', SEED));
    expect([uri.protocol, uri.host]).toEqual(['otpauth:', 'totp']);
    const [issuer, account] = uri.pathname.slice(1).split(':').map(decodeURIComponent);
    expect([issuer, account]).toEqual(['Ana & Söhne: auth/?', 'a+b:c@example.test?x=1&y']);
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      issuer: 'Ana & Söhne: auth/?',
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });
});
