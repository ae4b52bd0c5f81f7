import { snakeCaseMappers, type Model } from 'objection';

interface Made<M> {
  new (): M;
  fromDatabaseJson(columns: object): Model;
}

/** A row that PostgreSQL wrote as JSON (`row_to_json`), as a query would have brought it; names of moments end in `_at`. */
export function fromRowJson<M extends Model>(model: Made<M>, row: Record<string, unknown>): M {
  const properties: Record<string, unknown> = {};
  for (const column in row) {
    const value = row[column];
    const isMoment = typeof value === 'string' && column.endsWith('_at');
    properties[propertyOf(column)] = isMoment ? new Date(value) : value;
  }
  return model.fromDatabaseJson(properties) as M;
}

const mappers = snakeCaseMappers();
const known = new Map<string, string>();

function propertyOf(column: string): string {
  const property = known.get(column) ?? Object.keys(mappers.parse({ [column]: null })).join();
  known.set(column, property);
  return property;
}
