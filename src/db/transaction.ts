import type { Knex } from 'knex';
import { expectStandby } from './standby.js';

/** What one transaction does: its connection, and what must happen last before and first after the commit. */
export interface Unit {
  readonly trx: Knex.Transaction;
  /** Runs inside the transaction when the work is done: for what must hold its locks only briefly. */
  beforeCommit(step: () => Promise<void>): void;
  /** Runs once the commit is acknowledged, before the caller is answered; never when it is rolled back. It must not throw. */
  afterCommit(step: () => void | Promise<void>): void;
}

interface Client {
  acquireConnection(): Promise<object>;
}

/**
 * Runs `work` in one transaction: it commits when `work` resolves and rolls back when it rejects.
 * @throws {CommittedAlone} where commits wait for a standby, and somebody has cancelled the wait
 */
export async function transaction<T>(db: Knex, work: (unit: Unit) => Promise<T>): Promise<T> {
  const last: (() => Promise<void>)[] = [];
  const after: (() => void | Promise<void>)[] = [];
  let confirm: (() => void) | undefined;
  const result = await db.transaction(async (trx) => {
    confirm = expectStandby(await (trx.client as Client).acquireConnection());
    const done = await work({
      trx,
      beforeCommit: (step) => last.push(step),
      afterCommit: (step) => after.push(step),
    });
    for (const step of last) await step();
    return done;
  });
  for (const step of after) await step();
  confirm?.();
  return result;
}

/** PostgreSQL's code of an error; objection wraps the driver's. */
function stateOf(error: unknown): string {
  const { nativeError, code } = error as { nativeError?: { code?: string }; code?: string };
  return nativeError?.code ?? code ?? '';
}

const LOCK_STATES = new Set(['55P03', '40P01', '40001']);

/** Whether PostgreSQL could not take a value (SQLSTATE classes 22, data, and 23, constraints), so that another may well be taken. */
export const isOfValues = (error: unknown): boolean => /^2[23]/.test(stateOf(error));

/** Tries `work` again, after a short random wait, while it loses to others over a lock; at most `tries` times. */
export async function retryOnLock<T>(
  tries: number,
  random: () => number,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= tries || !LOCK_STATES.has(stateOf(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10 + random() * 40 * attempt));
    }
  }
}
