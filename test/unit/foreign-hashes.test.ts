import { describe, expect, it } from '@jest/globals';
import { foreignFault } from '../../src/domain/passwords/foreign.js';
import { doWork } from '../../src/domain/passwords/do-work.js';

const b64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64').replace(/=+$/, '');
const text = (plain: string) => Buffer.from(plain).toString('base64');
const checkAny = async (inputs: string[], hash: string, cost = 4) =>
  (await doWork([{ kind: 'check', inputs, hash, cost }]))[0];
const check = (password: string, hash: string) => checkAny([password], hash);

/** Published by those who know: password and hash. */
const VECTORS: [string, string, string][] = [
  ['bcrypt (Openwall)', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['bcrypt as PHP names it', 'U*U', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  [
    'argon2id (the reference implementation)',
    'password',
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ],
  [
    'scrypt (RFC 7914 §12)',
    'pleaseletmein',
    `$scrypt$ln=14,r=8,p=1$${text('SodiumChloride')}$${b64(
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
        'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    )}`,
  ],
  [
    'PBKDF2 with SHA-1 (RFC 6070)',
    'password',
    `$pbkdf2-sha1$i=4096$${text('salt')}$${b64('4b007901b765489abead49d926f721d065a429c1')}`,
  ],
  [
    'PBKDF2 with SHA-256 (RFC 7914 §11)',
    'passwd',
    `$pbkdf2-sha256$i=1$${text('salt')}$${b64('55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc')}`,
  ],
  [
    'PBKDF2 with SHA-512',
    'password',
    `$pbkdf2-sha512$i=1$${text('salt')}$${b64(
      '867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252' +
        'c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce',
    )}`,
  ],
  [
    "Firebase's scrypt (its own example)",
    'user1password',
    '$firebase-scrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$Bw==$' +
      'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$' +
      'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==',
  ],
];

describe('a hash that another system made', () => {
  it.each(VECTORS)('is opened by its password and by no other: %s', async (_, password, hash) => {
    expect(foreignFault(hash)).toBeUndefined();
    expect(await check(password, hash)).toBe(true);
    expect(await check(`${password} `, hash)).toBe(false);
  });

  it('is opened by any of the spellings that are tried', async () => {
    const [, password, hash] = VECTORS[0] ?? ['', '', ''];
    expect(await checkAny(['else', password], hash)).toBe(true);
  });

  it('keeps somebody who guesses waiting as long as one of ours, however cheap it is, in one spelling or in two', async () => {
    const cheap = `$pbkdf2-sha256$i=1$${text('salt')}$${b64('120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b')}`;
    const once = async (inputs: string[], hash: string) => {
      const before = process.cpuUsage();
      await checkAny(inputs, hash, 10);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    // The least of a few: whatever else this process does can only make one longer.
    const spent = async (inputs: string[], hash: string) => {
      const tries: number[] = [];
      while (tries.length < 3) tries.push(await once(inputs, hash));
      return Math.min(...tries);
    };
    for (const inputs of [['wrong'], ['wrong', 'in another spelling']]) {
      await once(inputs, cheap);
      const ours = await spent(inputs, `$2b$10$${'.'.repeat(53)}`);
      for (const hash of [cheap, `$2b$04$${'.'.repeat(53)}`]) {
        const ratio = (await spent(inputs, hash)) / ours;
        expect(ratio).toBeGreaterThan(0.4);
        expect(ratio).toBeLessThan(1.6);
      }
    }
  });
});

describe('a hash is refused', () => {
  const salt = text('somesalt');
  const hash = text('a hash of 32 bytes, as most are.');

  it.each([
    ['that asks for four gigabytes', `$argon2id$v=19$m=4194304,t=1,p=1$${salt}$${hash}`],
    ['that asks for a thousand passes', `$argon2id$v=19$m=65536,t=1000,p=1$${salt}$${hash}`],
    ['that asks for more memory than it has lanes for', `$argon2id$v=19$m=8,t=1,p=4$${salt}$${hash}`],
    ['with a scrypt that is not defined', `$scrypt$ln=16,r=1,p=1$${salt}$${hash}`],
    ['with no parameters', `$argon2id$v=19$${salt}$${hash}`],
    ['with a scrypt of two gigabytes', `$scrypt$ln=21,r=8,p=1$${salt}$${hash}`],
    ['with a scrypt of many rounds', `$scrypt$ln=17,r=8,p=16$${salt}$${hash}`],
    ['with parameters that are no numbers', `$scrypt$ln=1e1,r=8,p=1$${salt}$${hash}`],
    ['with a negative number', `$scrypt$ln=-1,r=8,p=1$${salt}$${hash}`],
    ['with a billion iterations', `$pbkdf2-sha256$i=1000000000$${salt}$${hash}`],
    ['with none', `$pbkdf2-sha256$i=0$${salt}$${hash}`],
    ['with a cost that takes minutes', '$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ])('%s', (_, given) => {
    expect(foreignFault(given)).toBe('asks for more work or memory than an import takes');
  });

  it('with a salt that Argon2 does not take', () => {
    expect(foreignFault(`$argon2id$v=19$m=64,t=1,p=1$${text('7 bytes')}$${hash}`)).toBe(
      'has a shorter salt than Argon2 takes',
    );
  });

  it.each([
    ['of a form nobody knows', '$md5$abc$def'],
    ['of the broken bcrypt', '$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['that is cut off', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9k'],
    ['that is a password', 'correct horse battery staple'],
    ['that is empty', ''],
    ['of no bytes, which any password would match', `$scrypt$ln=14,r=8,p=1$${salt}$`],
    ['of one byte', `$pbkdf2-sha256$i=1000$${salt}$QQ==`],
    ['that is no base64', `$pbkdf2-sha256$i=1000$${salt}$%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%`],
    ['that is a novel', `$pbkdf2-sha256$i=1000$${salt}$${'A'.repeat(60_000)}`],
    ['with parts missing', `$firebase-scrypt$ln=14,r=8,p=1$${salt}$${hash}`],
    ['named after what every object has', `$constructor$i=1$${salt}$${hash}`],
  ])('%s', (_, given) => {
    expect(foreignFault(given)).toBe('is of a form that is not known');
  });
});
