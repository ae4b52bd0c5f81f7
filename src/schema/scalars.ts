import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { GraphQLCountryCode, GraphQLDate, GraphQLDateTime, GraphQLEmailAddress } from 'graphql-scalars';

/** RFC 5321 §4.5.3.1.3: a path of 256 octets, less its angle brackets. */
const EMAIL_MAX_LENGTH = 254;
/** RFC 5321 §4.5.3.1.1. */
const EMAIL_LOCAL_PART_MAX_LENGTH = 64;

interface TextScalar<T> {
  name: string;
  description: string;
  specifiedByURL?: string;
  /** What a refusal says. It never repeats the value: errors end in logs, and values are personal. */
  refusal: string;
  /** Throws, or answers undefined, for a value that is refused. */
  parse: (text: string) => T | undefined;
  serialize: (value: unknown) => string;
}

function textScalar<T>({ parse, refusal, ...config }: TextScalar<T>): GraphQLScalarType<T, string> {
  const parseValue = (value: unknown, nodes?: ValueNode): T => {
    const parsed = typeof value === 'string' ? attempt(parse, value) : undefined;
    if (parsed === undefined) throw new GraphQLError(refusal, nodes ? { nodes } : undefined);
    return parsed;
  };
  return new GraphQLScalarType<T, string>({
    ...config,
    parseValue: (value) => parseValue(value),
    parseLiteral: (node) => parseValue(node.kind === Kind.STRING ? node.value : undefined, node),
  });
}

/** The library's own errors echo the value, so they end here. */
function attempt<T>(parse: (text: string) => T | undefined, text: string): T | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function asString(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('expected a string');
  return value;
}

/** A moment; a JavaScript Date inside, RFC 3339 in UTC outside. */
export const DateTime = textScalar<Date>({
  name: 'DateTime',
  description: 'A moment in time as RFC 3339 in UTC, such as 2026-11-22T09:30:00.000Z.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339#section-5.6',
  refusal: 'Must be a date and time such as 2026-11-22T09:30:00Z.',
  parse(text) {
    const date = GraphQLDateTime.parseValue(text.toUpperCase());
    // An offset can push the first or last hours out of the four-digit years that RFC 3339 can write.
    return date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999 ? date : undefined;
  },
  serialize(value) {
    if (!(value instanceof Date)) throw new TypeError('expected a Date');
    return value.toISOString();
  },
});

/** A calendar day; the string YYYY-MM-DD inside and outside, so that no time zone can move it. */
export const CalendarDate = textScalar<string>({
  name: 'Date',
  description: 'A day of the calendar as YYYY-MM-DD, such as 1990-02-28.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339#section-5.6',
  refusal: 'Must be an existing date written as YYYY-MM-DD.',
  parse(text) {
    GraphQLDate.parseValue(text);
    return text.startsWith('0000') ? undefined : text; // PostgreSQL has no year 0
  },
  serialize: asString,
});

/** An email address as typed; at most 254 characters. Comparing without regard to case is the domain's. */
export const EmailAddress = textScalar<string>({
  name: 'EmailAddress',
  description: 'An email address of at most 254 characters, such as ana@example.com.',
  specifiedByURL: 'https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address',
  refusal: 'Must be an email address such as ana@example.com.',
  parse(text) {
    if (text.length > EMAIL_MAX_LENGTH || text.indexOf('@') > EMAIL_LOCAL_PART_MAX_LENGTH) return undefined;
    return GraphQLEmailAddress.parseValue(text);
  },
  serialize: asString,
});

/** An ISO 3166-1 alpha-2 code in upper case; taken in either case. */
export const CountryCode = textScalar<string>({
  name: 'CountryCode',
  description:
    'A country as its ISO 3166-1 alpha-2 code, such as PT; lower case is accepted and answered in upper case. XK, in general use for Kosovo, is accepted too.',
  specifiedByURL: 'https://www.iso.org/iso-3166-country-codes.html',
  refusal: 'Must be an ISO 3166-1 alpha-2 country code such as PT.',
  parse: (text) => GraphQLCountryCode.parseValue(text).toUpperCase(),
  serialize: asString,
});

/** Any value that JSON can write, inside and outside alike. */
export const Json = new GraphQLScalarType<unknown>({
  name: 'JSON',
  description: 'Any value that JSON can write: an object, a list, a text, a number, true, false or null.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
  parseValue: (value) => value,
  parseLiteral: jsonOf,
});

function jsonOf(node: ValueNode, variables?: Record<string, unknown> | null): unknown {
  switch (node.kind) {
    case Kind.VARIABLE:
      return variables?.[node.name.value];
    case Kind.NULL:
      return null;
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.LIST:
      return node.values.map((value) => jsonOf(value, variables));
    case Kind.OBJECT:
      // Not by assignment, which would take __proto__ for more than a name.
      return Object.fromEntries(node.fields.map(({ name, value }) => [name.value, jsonOf(value, variables)]));
    default:
      return node.value;
  }
}
