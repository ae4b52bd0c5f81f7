import { Base } from './base.js';

/** That an account may use a service, and as what. */
export class ServiceAccessModel extends Base {
  static override tableName = 'serviceAccess';
  static override idColumn = ['userId', 'serviceId'];
  userId: string;
  serviceId: string;
  businessRoleId: string | null;
  status: 'ACTIVE' | 'SUSPENDED';
  expiresAt: Date | null;
  createdAt: Date;
}
