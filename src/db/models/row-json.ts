import { snakeCaseMappers, type Model } from 'objection';

const names = snakeCaseMappers();

interface Made<M> {
  new (): M;
  fromDatabaseJson(columns: object): Model;
}

/** A row that PostgreSQL wrote as JSON (`row_to_json`), as a query would have brought it; names of moments end in `_at`. */
export function fromRowJson<M extends Model>(model: Made<M>, row: object): M {
  const columns = names.parse(row);
  for (const [name, value] of Object.entries(columns))
    if (typeof value === 'string' && name.endsWith('At')) columns[name] = new Date(value);
  return model.fromDatabaseJson(columns) as M;
}
