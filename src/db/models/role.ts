import { Base } from './base.js';

/** A named set of permissions with a rank; higher is more. */
export class RoleModel extends Base {
  static override tableName = 'roles';
  id: string;
  name: string;
  nameKey: string;
  description: string | null;
  rank: number;
  builtIn: boolean;
  /** The one that new accounts get, unless another one is configured. */
  isDefault: boolean;
  createdAt: Date;
  updatedAt: Date;
}
