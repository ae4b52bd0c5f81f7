import { createCipheriv, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { openSuccessor, sealSuccessor } from '../../src/domain/sessions/refresh-token.js';

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
