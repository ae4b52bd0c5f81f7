import { Base } from './base.js';

/** An application that accounts may use. */
export class ServiceModel extends Base {
  static override tableName = 'services';
  id: string;
  /** Unique, kebab-case. */
  name: string;
  description: string | null;
  status: 'ACTIVE' | 'DISABLED';
  /** Goes up when the service is disabled, enabled or deleted. */
  authzVersion: number;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
}
