import { readFileSync } from 'node:fs';
import { Reader, type CityResponse } from 'mmdb-lib';
import { ConfigError } from '../config.js';

/** Where an address is, as "City, Country"; null where nobody knows. `told` is what a trusted proxy says, and goes first. */
export type Locate = (address: string | null, told: string | undefined) => string | null;

/** Opens the database of cities, where one is configured. @throws {ConfigError} where it cannot be read */
export function openLocations(databaseFile: string | undefined): Locate {
  const reader = databaseFile === undefined ? undefined : read(databaseFile);
  return (address, told) => readTold(told) ?? (address === null || !reader ? null : lookUp(reader, address));
}

function read(file: string): Reader<CityResponse> {
  try {
    return new Reader<CityResponse>(readFileSync(file));
  } catch {
    throw new ConfigError([`GEOIP_DATABASE: ${file} cannot be read as a database in the MMDB format`]);
  }
}

function lookUp(reader: Reader<CityResponse>, address: string): string | null {
  const found = entryOf(reader, address);
  const names = [found?.city?.names.en, (found?.country ?? found?.registered_country)?.names.en];
  return sane(names.filter((name) => name !== undefined && name !== '').join(', '));
}

/** A database may hold IPv4 alone, or be damaged in a place: then nobody knows. */
function entryOf(reader: Reader<CityResponse>, address: string): CityResponse | null {
  try {
    return reader.get(address);
  } catch {
    return null;
  }
}

/** Node reads headers as Latin-1; names of places mostly come in UTF-8. */
function readTold(told: string | undefined): string | null {
  if (told === undefined || told === '') return null;
  const utf8 = Buffer.from(told, 'latin1').toString('utf8');
  return sane(utf8.includes('\ufffd') ? told : utf8);
}

/** Letters, digits and the usual signs: it is stored, shown and mailed. */
const SANE = /^[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N} .,'’()/-]{0,99}$/u;

const sane = (text: string): string | null => (SANE.test(text) ? text : null);
