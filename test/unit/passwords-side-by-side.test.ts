import { randomBytes, randomInt } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { pino } from 'pino';
import { hashSideBySide } from '../../src/domain/passwords/bcrypt/side-by-side.js';
import { openHashPool } from '../../src/domain/passwords/pool.js';
import { takeTogether, type HashWork } from '../../src/domain/passwords/work.js';
import { doWork } from '../../src/domain/passwords/do-work.js';

const COST = 4;
const make = (input: string): HashWork => ({ kind: 'make', input, cost: COST });
const check = (inputs: string[], hash: string, cost = COST): HashWork => ({
  kind: 'check',
  inputs,
  hash,
  cost,
});

describe('passwords that are hashed side by side', () => {
  it.each([
    ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
    ['U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
    ['', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy'],
  ])('come to the hash that is published for %j, in each lane', (input, hash) => {
    const other = { input: 'another', setting: `$2b$05$${'/'.repeat(22)}` };
    for (let lane = 0; lane < 3; lane++) {
      const lanes = Array.from({ length: 3 }, (_, nth) => (nth === lane ? { input, setting: hash } : other));
      expect(hashSideBySide(lanes, 5)[lane]).toBe(hash);
    }
  });

  it('come to what the library makes of them, whatever they are and however long', () => {
    // The library counts the bytes for $2a$ in a byte.
    const lengths = [0, 1, 63, 64, 71, 72, 73, 254, 255, 256, 300];
    const spellings = ['latin1', 'base64', 'utf8'] as const;
    for (let round = 0; round < 60; round++) {
      const lanes = Array.from({ length: 1 + (round % 3) }, (_, nth) => ({
        input: randomBytes(lengths[randomInt(lengths.length)] ?? 0).toString(spellings[nth] ?? 'hex'),
        setting: bcrypt.genSaltSync(COST + randomInt(2), randomInt(2) ? 'a' : 'b'),
      }));
      expect(hashSideBySide(lanes, COST + 1)).toEqual(
        lanes.map(({ input, setting }) => bcrypt.hashSync(input, setting)),
      );
    }
  });

  it('take little more processor time than one does', async () => {
    const cost = 10;
    const spent = async (works: HashWork[]) => {
      const before = process.cpuUsage();
      await doWork(works);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const one: HashWork[] = [{ kind: 'make', input: 'a', cost }];
    const ratios: number[] = [];
    // The least of a few: V8 takes a while to make it fast, and whatever else this process does can only make one longer.
    while (ratios.length < 5) ratios.push((await spent([...one, ...one, ...one])) / (await spent(one)));
    expect(Math.min(...ratios)).toBeLessThan(2);
  });

  it('are each made for whoever asked, and each told the truth', async () => {
    const [ana, ben] = (await doWork([make('ana'), make('ben')])) as [string, string];
    expect(bcrypt.compareSync('ana', ana) && bcrypt.compareSync('ben', ben)).toBe(true);
    expect(await doWork([check(['ben'], ana), check(['ben'], ben), make('eve')])).toEqual([
      false,
      true,
      expect.stringMatching(/^\$2b\$04\$.{53}$/),
    ]);
    expect(await doWork([check(['no', 'ana'], ana), check(['ana'], ben)])).toEqual([true, false]);
    const ofPhp = ben.replace('$2b', '$2y');
    expect(await doWork([check(['no', 'ben'], ofPhp)])).toEqual([true]);
    // The last character of a salt has bits that mean nothing; the library takes no hash in which they are set.
    const odd = ben.replace(/^(.{28})./, (_, start: string) => `${start}/`);
    expect(bcrypt.compareSync('ben', odd)).toBe(false);
    expect(await doWork([check(['ben', 'no'], odd)])).toEqual([false]);
    // What is no bcrypt hash at all is nobody's, and spoils nothing for those beside it.
    const broken = `${ben.slice(0, -1)}é`;
    expect(await doWork([check(['ben'], ben), check(['ben'], broken)])).toEqual([true, false]);
  });
});

describe('what a hasher does next', () => {
  const hash = (cost: string, version = '2b') => `$${version}$${cost}$${'.'.repeat(53)}`;
  const names = (works: [string, HashWork, number?][]) => {
    const waiting = works.map(([name, work, tries = 0]) => ({ name, work, tries }));
    const rounds: string[][] = [];
    while (waiting.length > 0) rounds.push(takeTogether(waiting).map(({ name }) => name));
    return rounds;
  };

  it('is as many as fit, in the order in which they came', () => {
    const works = ['a', 'b', 'c', 'd'].map((name): [string, HashWork] => [name, make(name)]);
    expect(names(works)).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('is one that waits longer, and beside it only what costs the same', () => {
    expect(
      names([
        ['two spellings', check(['1', '2'], hash('04'))],
        ['two more', check(['1', '2'], hash('04'))],
        ['of another cost', { kind: 'make', input: '1', cost: 5 }],
        ['one', check(['1'], hash('04'))],
        ['of another system', check(['1'], '$pbkdf2-sha1$i=1$AAAA$AAAA')],
        ['cheaper than it should be', check(['1'], hash('04'), 5)],
        ['dearer than usual', check(['1'], hash('05'))],
        ['much dearer', check(['1'], hash('06'))],
        ['of another system, later', check(['1'], '$pbkdf2-sha1$i=1$AAAA$AAAA')],
      ]),
    ).toEqual([
      ['two spellings', 'one'],
      ['two more', 'of another system'],
      ['of another cost', 'cheaper than it should be', 'dearer than usual'],
      ['much dearer'],
      ['of another system, later'],
    ]);
  });

  it('is one that failed before, alone: it takes nobody along', () => {
    expect(
      names([
        ['new', make('1')],
        ['failed', make('2'), 1],
        ['newer', make('3')],
      ]),
    ).toEqual([['new', 'newer'], ['failed']]);
  });
});

describe('a password that cannot be hashed', () => {
  it('fails nobody who was hashed with it', async () => {
    const pool = openHashPool({ size: 1, cost: COST, log: pino({ level: 'silent' }) });
    const ben = bcrypt.hashSync('ben', COST);
    // Argon2 takes no empty one.
    const failing = check([''], `$argon2id$v=19$m=64,t=1,p=1$${'A'.repeat(16)}$${'A'.repeat(43)}`);
    const works = [make('first'), check(['ben'], ben), failing, check(['no'], ben)];
    const [, right, failed, wrong] = await Promise.allSettled(works.map((work) => pool.run(work)));
    pool.close();
    expect(right).toEqual({ status: 'fulfilled', value: true });
    expect(failed?.status).toBe('rejected');
    expect(wrong).toEqual({ status: 'fulfilled', value: false });
  });
});
