import { createCipheriv, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { bytesByChance, numberByChance } from '../../src/domain/chance.js';
import {
  openSuccessor,
  readRefreshToken,
  sealSuccessor,
  writeRefreshToken,
} from '../../src/domain/sessions/refresh-token.js';

const successor = `agr_${'x'.repeat(70)}`;
const token = () => ({ id: randomUUID(), secret: randomBytes(32) });

it("a successor's box is AES-256-GCM under a key by HKDF-SHA-256, as any version before has sealed it", () => {
  const parent = token();
  const key = hkdfSync('sha256', parent.secret, parent.id, 'authgraph refresh successor', 32);
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key), iv);
  const box = Buffer.concat([iv, cipher.update(successor, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  expect(openSuccessor(parent, box)).toBe(successor);
});

it('opens for nobody who has not the secret of its parent', () => {
  const parent = token();
  const box = sealSuccessor(parent, successor, Date.now());
  expect(openSuccessor(parent, box)).toBe(successor);
  for (const other of [token(), { ...token(), id: parent.id }, { ...parent, id: randomUUID() }])
    expect(() => openSuccessor(other, box)).toThrow('unable to authenticate data');
});

it('a token is written in one way: with any other last character it is none', () => {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=';
  for (const one of Array.from({ length: 50 }, token)) {
    const text = writeRefreshToken(one);
    const read = Array.from(digits, (digit) => readRefreshToken(text.slice(0, -1) + digit));
    expect(read.filter((found) => found !== undefined)).toEqual([one]);
  }
});

it('bytes by chance are as many as were asked for, and never given to two', () => {
  const drawn = Array.from({ length: 2000 }, (_, nth) => [bytesByChance(12 + (nth % 30)), numberByChance()]);
  const texts = drawn.map(([bytes]) => (bytes as Buffer).toString('hex'));
  expect(texts.map((text) => text.length / 2)).toEqual(drawn.map((_, nth) => 12 + (nth % 30)));
  expect(new Set(texts.map((text) => text.slice(0, 24))).size).toBe(texts.length);
  expect(bytesByChance(4096)).toHaveLength(4096);
  for (const size of [4097, -32, 1.5, Number.NaN]) expect(() => bytesByChance(size)).toThrow(RangeError);
  expect(bytesByChance(32)).not.toEqual(Buffer.alloc(32));
});
