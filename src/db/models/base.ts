import { Model } from 'objection';

/** What every table's model shares. Columns are snake_case in PostgreSQL and camelCase here: the connection maps them. */
export abstract class Base extends Model {
  static override useLimitInFirst = true;
}
