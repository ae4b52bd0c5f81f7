import type { GraphQLScalarType } from 'graphql';
import { CalendarDate, CountryCode, DateTime, EmailAddress } from '../../src/schema/scalars.js';

describe('values as people and programs write them', () => {
  test.each<[string, GraphQLScalarType, string, unknown]>([
    ['a country in lower case is answered in upper case', CountryCode, 'pt', 'PT'],
    ['Kosovo may be said', CountryCode, 'XK', 'XK'],
    ['a leap day is a date', CalendarDate, '2000-02-29', '2000-02-29'],
    [
      'a moment with an offset is a moment in UTC',
      DateTime,
      '2026-01-01T01:00:00+01:00',
      new Date('2026-01-01T00:00:00Z'),
    ],
    [
      'a moment in small letters is a moment',
      DateTime,
      '2026-01-01t00:00:00z',
      new Date('2026-01-01T00:00:00Z'),
    ],
    ['an address keeps its letters as typed', EmailAddress, 'Ana.Sa@example.com', 'Ana.Sa@example.com'],
    ['an address of 254 characters is an address', EmailAddress, addressOf(254), addressOf(254)],
  ])('%s', (_, scalar, text, value) => {
    expect(scalar.parseValue(text)).toEqual(value);
  });
});

describe('other values are refused, and the refusal does not repeat them', () => {
  test.each<[string, GraphQLScalarType, unknown]>([
    ['a country that is none', CountryCode, 'QQ-SECRET'],
    ['a country of the past', CountryCode, 'AN'],
    ['a country as a number', CountryCode, 620],
    ['the 29th of February of a common year', CalendarDate, '2001-02-29'],
    ['a day in the year 0, which the calendar lacks', CalendarDate, '0000-01-01'],
    ['a date with a time', CalendarDate, '2001-02-28T00:00:00Z'],
    ['a day as people write it', CalendarDate, '28/02/2001'],
    ['a date without a time where a moment is meant', DateTime, '2001-02-28'],
    ['a moment after the year 9999 in UTC', DateTime, '9999-12-31T23:59:59-23:00'],
    ['a moment as a number', DateTime, 1_700_000_000],
    ['an address without a domain', EmailAddress, 'ana-secret@'],
    ['an address of 255 characters', EmailAddress, addressOf(255)],
    ['an address whose local part has 65 characters', EmailAddress, `${'a'.repeat(65)}@example.com`],
    ['an address in a list', EmailAddress, ['ana@secret.pt']],
    ['an address with a line break', EmailAddress, 'ana@example.com\n'],
    ['an address as an object', EmailAddress, { address: 'ana@secret.pt' }],
    ['nothing where something is meant', EmailAddress, null],
  ])('%s', (_, scalar, value) => {
    const refusal = refusalOf(scalar, value);
    expect(refusal).toMatch(/^Must be an? [^"]+\.$/);
    expect(refusal).not.toContain(String(value));
  });
});

test('a megabyte in place of an address is refused at once', () => {
  const started = performance.now();
  refusalOf(EmailAddress, `${'a'.repeat(1_000_000)}@${'b.'.repeat(1_000_000)}`);
  expect(performance.now() - started).toBeLessThan(10);
});

/** A well-formed address of so many characters; a label of a domain has at most 63. */
function addressOf(length: number): string {
  const domain = `${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(50)}.com`;
  const local = 'a'.repeat(64);
  const rest = length - local.length - domain.length - 2;
  return `${local}@${'e'.repeat(rest)}.${domain}`;
}

function refusalOf(scalar: GraphQLScalarType, value: unknown): string {
  try {
    scalar.parseValue(value);
  } catch (error) {
    return error instanceof Error ? error.message : 'not an error';
  }
  return 'accepted';
}
