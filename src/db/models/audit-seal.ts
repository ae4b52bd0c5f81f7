import { Base } from './base.js';

/** The seal over the events of one range of positions. */
export class AuditSealModel extends Base {
  static override tableName = 'audit_seals';
  static override idColumn = 'seq';
  /** Without gaps, from 1. */
  seq: number;
  /** The first position that it covers, where the seal before it ends. */
  fromPosition: number;
  /** The first position that it does not cover. */
  toPosition: number;
  events: number;
  /** It took in events from before they were signed one by one. */
  unsigned: boolean;
  /** Digest of the seal before it. */
  previous: string;
  digest: string;
  mac: string;
  sealedAt: Date;
}
