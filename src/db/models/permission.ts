import { Base } from './base.js';

/** One thing that a role can allow, `noun:verb`. */
export class PermissionModel extends Base {
  static override tableName = 'permissions';
  static override idColumn = 'name';
  name: string;
  description: string | null;
  builtIn: boolean;
}
