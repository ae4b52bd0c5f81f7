import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { startApp, type TestApp } from '../harness/app.js';
import { lookInto } from '../harness/look.js';
import { writeMmdb } from '../harness/mmdb.js';
import { join, newcomer, type Person } from '../harness/people.js';
import { makeTempDir } from '../harness/process.js';

const SIGN_IN = `mutation ($input: SignInInput!) {
  signIn(input: $input) { ... on AuthPayload { accessToken session { id location } } }
}`;
const signsIn = async (app: TestApp, { username, password }: Person, headers: Record<string, string> = {}) =>
  (await app.graphql(SIGN_IN, { input: { login: username, password } }, { headers })).data['signIn'] as {
    accessToken: string;
    session: { id: string; location: string | null };
  };
const placeOf = async (...given: Parameters<typeof signsIn>) => (await signsIn(...given)).session.location;

const city = (name: string, country: string) => ({
  city: { names: { en: name } },
  country: { iso_code: 'XX', names: { en: country } },
});

let file: string;
beforeAll(() => {
  file = joinPath(makeTempDir(), 'city.mmdb');
  writeMmdb(file, {
    '198.51.100.0/24': city('Lisbon', 'Portugal'),
    '203.0.113.0/25': { country: { iso_code: 'NO', names: { en: 'Norway' } } },
    '203.0.113.128/25': city('<b>Oslo', 'Norway'),
    '2001:db8:7::/48': city('São Paulo', 'Brazil'),
    '192.0.2.0/24': { continent: { names: { en: 'Europe' } } },
  });
});

describe('with a database of cities', () => {
  let app: TestApp;
  let ana: Person;
  beforeAll(async () => {
    app = await startApp({ LIMITS_SCALE: '100', TRUSTED_PROXIES: '127.0.0.1', GEOIP_DATABASE: file });
    ana = await join(app);
  });
  afterAll(() => app.close());

  it.each([
    ['198.51.100.7', 'Lisbon, Portugal'],
    ['2001:db8:7:1::5', 'São Paulo, Brazil'],
    ['::ffff:198.51.100.7', 'Lisbon, Portugal'],
    ['203.0.113.5', 'Norway'],
    ['203.0.113.200', null],
    ['192.0.2.1', null],
    ['8.8.8.8', null],
    ['2001:db8:8::1', null],
    ['127.0.0.1', null],
  ])('a sign-in from %s is one from %j', async (ip, place) => {
    expect(await placeOf(app, ana, { 'x-forwarded-for': ip })).toBe(place);
  });

  it('the place stands in the list of sessions, and on record', async () => {
    const { accessToken, session } = await signsIn(app, ana, { 'x-forwarded-for': '198.51.100.8' });
    const list = await app.graphql(
      '{ me { sessions(first: 100) { nodes { id location } } } }',
      {},
      { bearer: accessToken },
    );
    expect(list.data['me'].sessions.nodes).toContainEqual(session);
    const look = await lookInto(app.databaseUrl);
    const [event] = await look("select details from audit_events where details->>'session' = $1", [
      session.id,
    ]);
    expect(event?.details.location).toBe('Lisbon, Portugal');
    await look.close();
  });

  it('somebody who signs up is somewhere, too', async () => {
    const { data } = await app.graphql(
      'mutation ($input: SignUpInput!) { signUp(input: $input) { ... on AuthPayload { session { location } } } }',
      { input: newcomer() },
      { headers: { 'x-forwarded-for': '198.51.100.9' } },
    );
    expect(data['signUp'].session.location).toBe('Lisbon, Portugal');
  });

  it.each([
    ['is not there', () => joinPath(makeTempDir(), 'none.mmdb')],
    [
      'is none',
      () => {
        const path = joinPath(makeTempDir(), 'none.mmdb');
        writeFileSync(path, 'no database');
        return path;
      },
    ],
  ])('the service does not start where the file %s', async (_, path) => {
    await expect(app.replica({ GEOIP_DATABASE: path() })).rejects.toThrow(/GEOIP_DATABASE: .*cannot be read/);
  });
});

describe('with a header that a proxy sets', () => {
  let app: TestApp;
  let ana: Person;
  beforeAll(async () => {
    app = await startApp({
      LIMITS_SCALE: '100',
      TRUSTED_PROXIES: '127.0.0.1',
      LOCATION_HEADER: 'X-Location',
      GEOIP_DATABASE: file,
    });
    ana = await join(app);
  });
  afterAll(() => app.close());

  it.each([
    ['Porto, Portugal', 'Porto, Portugal'],
    ['Düsseldorf, Germany', 'Düsseldorf, Germany'],
    [Buffer.from('Kraków, Poland').toString('latin1'), 'Kraków, Poland'],
    ['St. John’s (Antigua)'.replace('’', "'"), "St. John's (Antigua)"],
    ['x'.repeat(100), 'x'.repeat(100)],
    ['x'.repeat(101), null],
    ['<script>alert(1)</script>', null],
    ['=HYPERLINK("https://evil.test")', null],
    ['https://evil.test/?a=b', null],
    ['Oslo;Norway', null],
    ['', null],
    [',,,', null],
  ])('%j is taken as %j', async (told, place) => {
    expect(await placeOf(app, ana, { 'x-location': told })).toBe(place);
  });

  it('the header goes before the database, which is asked where there is none that can be read', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.7' };
    expect(await placeOf(app, ana, { ...headers, 'x-location': 'Porto, Portugal' })).toBe('Porto, Portugal');
    expect(await placeOf(app, ana, { ...headers, 'x-location': '{}' })).toBe('Lisbon, Portugal');
    expect(await placeOf(app, ana, headers)).toBe('Lisbon, Portugal');
  });

  it('nobody but a trusted proxy is believed', async () => {
    const careful = await app.replica({ TRUSTED_PROXIES: '10.0.0.0/8', GEOIP_DATABASE: '' });
    expect(await placeOf(careful, ana, { 'x-location': 'Porto, Portugal' })).toBeNull();
    const none = await app.replica({ TRUSTED_PROXIES: '', GEOIP_DATABASE: '' });
    expect(await placeOf(none, ana, { 'x-location': 'Porto, Portugal' })).toBeNull();
  });

  it('no other header is believed, and none where none is named', async () => {
    const plain = await app.replica({ LOCATION_HEADER: '', GEOIP_DATABASE: '' });
    expect(await placeOf(plain, ana, { 'x-location': 'Porto, Portugal' })).toBeNull();
    expect(await placeOf(app, ana, { 'cf-ipcity': 'Porto' })).toBeNull();
  });
});
