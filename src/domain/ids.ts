import { V7Generator } from 'uuidv7';
import { numberByChance } from './chance.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const ids = new V7Generator({ nextUint32: numberByChance });

/** A new id: UUIDv7, which sorts by time (RFC 9562 §5.7). */
export const newId = (): string => ids.generate().toString();

/** Whether this can be an id at all; what cannot is treated as an unknown one, without asking the database. */
export const isId = (text: string): boolean => UUID.test(text);

/** An id that nothing has (RFC 9562 §5.9), for asking after what cannot exist. */
export const NO_ID = '00000000-0000-0000-0000-000000000000';
