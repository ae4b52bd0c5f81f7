import type { Knex } from 'knex';
import { AuditEventModel } from '../../db/models/audit-event.js';
import { AuditRetentionModel } from '../../db/models/audit-retention.js';
import { AuditSealModel } from '../../db/models/audit-seal.js';
import { contentOf, isGenuine } from '../audit.js';
import { hasKeyOf, type SealingKeys } from '../sealing.js';
import {
  anchorOf,
  BEYOND_POSITIONS,
  BlockDigest,
  FIRST_POSITION,
  GENESIS,
  isOurRetention,
  isOurSeal,
  pagesBetween,
  type LedgerEvent,
  type Retention,
  type Seal,
} from './blocks.js';

/** One thing that is not as it was written, in one line. */
export type Finding = string;

export interface VerifyOptions {
  /** Each `seq:digest` of a seal, or its digest alone, as it was logged: it must still be in the chain. */
  anchors?: readonly string[] | undefined;
  /** Events without a signature are no findings in blocks sealed before this moment: an earlier version wrote them. */
  unsignedUntil?: Date | undefined;
  report: (finding: Finding) => void;
  /** Told now and then how many events were looked at. */
  progress?: (events: number) => void;
}

/** What was looked at. */
export interface Verified {
  findings: number;
  events: number;
  seals: number;
  /** Events that no seal covers yet. */
  unsealed: number;
  /** The last seal's, to be kept outside. */
  anchor: string | undefined;
}

const TELL_EVERY = 20_000;
const SEALS_AT_ONCE = 500;
const MOST_OUTSIDERS = 100;

/** Reads the whole record, page by page, in one snapshot, and reports what was edited, removed, added or reordered. */
export async function verifyRecord(db: Knex, keys: SealingKeys, options: VerifyOptions): Promise<Verified> {
  // Before the snapshot: a seal that is made in between must not seem to be missing from it.
  const made = await readLastSeq(db);
  return db.transaction(async (trx) => new Verification(trx, keys, options).run(made), {
    isolationLevel: 'repeatable read',
    readOnly: true,
  });
}

async function readLastSeq(db: Knex): Promise<number> {
  const { rows } = await db.raw<{ rows: { made: number }[] }>(
    'select last_value as made from audit_last_seal',
  );
  return rows[0]?.made ?? 0;
}

/** One walk along the seals and, beside them, the events. */
class Verification {
  readonly #events: AsyncIterator<LedgerEvent, void>;
  #next: LedgerEvent | undefined;
  readonly #unseen: Set<string>;
  readonly #told = { findings: 0, events: 0, seals: 0, unsealed: 0 };

  constructor(
    private readonly db: Knex,
    private readonly keys: SealingKeys,
    private readonly options: VerifyOptions,
  ) {
    this.#unseen = new Set(options.anchors);
    this.#events = oneByOne(pagesBetween(db, FIRST_POSITION, BEYOND_POSITIONS));
  }

  async run(made: number): Promise<Verified> {
    await this.#reportOutsiders();
    await this.#advance();
    const purged = await this.#readRetentions();
    if (purged) await this.#skipPurged(purged);
    let last: Seal | undefined;
    for await (const seal of sealsOf(this.db)) {
      this.#checkLink(seal, last, purged);
      await this.#checkBlock(seal, purged);
      last = seal;
    }
    await this.#checkRest(last);
    this.#checkEnd(last, made, purged);
    return { ...this.#told, anchor: last && anchorOf(last) };
  }

  #report(finding: Finding): void {
    this.#told.findings++;
    this.options.report(finding);
  }

  async #advance(): Promise<void> {
    const step = await this.#events.next();
    this.#next = step.done === true ? undefined : step.value;
    if (this.#next && ++this.#told.events % TELL_EVERY === 0) this.options.progress?.(this.#told.events);
  }

  /** @returns the latest removal that is ours */
  async #readRetentions(): Promise<Retention | undefined> {
    let latest: Retention | undefined;
    for (const retention of await AuditRetentionModel.query(this.db).orderBy('throughSeq')) {
      if (isOurRetention(this.keys, retention)) latest = retention;
      else
        this.#report(
          `retention ${retention.throughSeq}: ${this.#doubt(retention.mac, 'this record of a removal was changed or made up')}`,
        );
    }
    return latest;
  }

  /** A walk in JavaScript could not come past them. */
  async #reportOutsiders(): Promise<void> {
    const outside = await AuditEventModel.query(this.db)
      .where('position', '<', FIRST_POSITION)
      .orWhere('position', '>=', BEYOND_POSITIONS)
      .select('id')
      .limit(MOST_OUTSIDERS);
    for (const { id } of outside) this.#report(`event ${id}: no seal can cover its place`);
  }

  async #skipPurged({ toPosition, throughSeq }: Retention): Promise<void> {
    while (this.#next && this.#next.position < toPosition) {
      this.#report(
        `event ${this.#next.id}: added below seal ${throughSeq}, whose events were removed as too old`,
      );
      await this.#advance();
    }
  }

  #checkLink(seal: Seal, last: Seal | undefined, purged: Retention | undefined): void {
    this.#told.seals++;
    this.#unseen.delete(seal.digest);
    this.#unseen.delete(anchorOf(seal));
    if (!isOurSeal(this.keys, seal))
      this.#report(`seal ${seal.seq}: ${this.#doubt(seal.mac, 'it was changed or made up')}`);
    const isRoot = !last && purged !== undefined;
    const wanted = isRoot ? purged.throughSeq : (last?.seq ?? 0) + 1;
    if (seal.seq !== wanted)
      this.#report(
        seal.seq === wanted + 1
          ? `seal ${wanted}: it is missing`
          : `seals ${wanted} to ${seal.seq - 1}: they are missing`,
      );
    else if (isRoot ? seal.digest !== purged.digest : seal.previous !== (last?.digest ?? GENESIS))
      this.#report(`seal ${seal.seq}: it does not follow on the one before it`);
    else if (!isRoot && seal.unsigned && last?.unsigned === false)
      this.#report(`seal ${seal.seq}: it takes in unsigned events, which only the first ones may`);
    else if (!isRoot && seal.fromPosition !== (last?.toPosition ?? 0))
      this.#report(`seal ${seal.seq}: it does not begin where the one before it ends`);
  }

  async #checkBlock(seal: Seal, purged: Retention | undefined): Promise<void> {
    while (this.#next && this.#next.position < seal.fromPosition) {
      this.#report(`event ${this.#next.id}: no seal covers its place`);
      await this.#advance();
    }
    if (purged && seal.seq <= purged.throughSeq) return;
    const digest = new BlockDigest();
    const before = this.#told.findings;
    const mayBeUnsigned = seal.unsigned || this.#isExcused(seal);
    while (this.#next && this.#next.position < seal.toPosition) {
      digest.add(this.#next, this.#checkEvent(this.#next, mayBeUnsigned));
      await this.#advance();
    }
    const difference = digest.events - seal.events;
    if (difference < 0)
      this.#report(`seal ${seal.seq}: ${-difference} of its ${seal.events} events are missing`);
    if (difference > 0)
      this.#report(`seal ${seal.seq}: ${difference} events were added to its ${seal.events}`);
    const isSame = digest.under(seal) === seal.digest;
    if (!isSame && this.#told.findings === before && isOurSeal(this.keys, seal))
      this.#report(`seal ${seal.seq}: its events are not what was sealed (time, place, order or signature)`);
  }

  #isExcused({ sealedAt }: Seal): boolean {
    const { unsignedUntil } = this.options;
    return unsignedUntil !== undefined && sealedAt < unsignedUntil;
  }

  /** @returns its content */
  #checkEvent(event: LedgerEvent, mayBeUnsigned: boolean): string {
    const content = contentOf(event);
    if (event.mac === null) {
      if (!mayBeUnsigned)
        this.#report(`event ${event.id}: it was not written by this service, as it has no signature`);
    } else if (!isGenuine(this.keys, content, event.mac))
      this.#report(`event ${event.id}: ${this.#doubt(event.mac, 'it is not what was written')}`);
    return content;
  }

  /** Events that are not sealed yet. */
  async #checkRest(last: Seal | undefined): Promise<void> {
    const { rows } = await this.db.raw<{ rows: { through: number }[] }>(
      'select shift as through from audit_shifts order by seq limit 1',
    );
    const unsignedThrough = last?.unsigned === false ? 0 : (rows[0]?.through ?? 0);
    for (; this.#next; await this.#advance()) {
      this.#told.unsealed++;
      this.#checkEvent(this.#next, this.#next.position <= unsignedThrough);
    }
  }

  #checkEnd(last: Seal | undefined, made: number, purged: Retention | undefined): void {
    const lastSeq = last?.seq ?? 0;
    if (purged && lastSeq < purged.throughSeq) this.#report(`seal ${purged.throughSeq}: it is missing`);
    else if (lastSeq < made)
      this.#report(`seals ${lastSeq + 1} to ${made}: they were made, and the end is cut off`);
    for (const anchor of this.#unseen)
      this.#report(
        `anchor ${anchor}: no seal of the chain has this digest${purged ? ` (those before seal ${purged.throughSeq} went with their events)` : ''}`,
      );
  }

  #doubt(mac: string, otherwise: string): string {
    return hasKeyOf(this.keys, mac) ? otherwise : `no key of ENCRYPTION_KEYS made its signature`;
  }
}

async function* oneByOne<T>(pages: AsyncIterable<T[]>): AsyncGenerator<T, void> {
  for await (const page of pages) yield* page;
}

async function* sealsOf(db: Knex): AsyncGenerator<Seal> {
  let last = Number.MIN_SAFE_INTEGER;
  for (;;) {
    const page = await AuditSealModel.query(db).where('seq', '>', last).orderBy('seq').limit(SEALS_AT_ONCE);
    yield* page;
    if (page.length < SEALS_AT_ONCE) return;
    last = page.at(-1)?.seq ?? last;
  }
}
