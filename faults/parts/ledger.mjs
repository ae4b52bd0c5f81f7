// Every write that was acknowledged, and what it promises.

/** A revocation is heard everywhere within this, in milliseconds, as long as PostgreSQL can be asked. */
const HEARD_MS = 1000 * Number(process.env.FAULTS_PATIENCE ?? 1);
/** Where it cannot be asked, a replica answers from memory for no longer than this. */
const STALE_MS = 31_000;
/** After an outage connections are made anew. */
const BACK_MS = 2000;

export function openLedger() {
  const ledger = {
    accounts: new Map(),
    /** Sessions of clients that did nothing wrong: by id, { account, access, refresh }. */
    honest: new Map(),
    /** Tokens that were revoked: { token, sessionId, at }. */
    revoked: [],
    calls: 0,
    acknowledged: {},
    errors: {},
    kills: 0,
    lost: [],
    wrongYes: [],
    honestRevoked: [],
    broken: [],
    /** The longest time, in milliseconds, that a revoked token was believed by somebody; and during an outage. */
    believedMs: 0,
    believedInOutageMs: 0,
  };
  const outages = [];
  return Object.assign(ledger, {
    /** What a client was answered. */
    seen({ code: said, message }) {
      ledger.calls++;
      const code = said === 'NETWORK' ? `NETWORK (${message})` : said;
      if (code !== undefined) ledger.errors[code] = (ledger.errors[code] ?? 0) + 1;
    },
    acknowledge(kind) {
      ledger.acknowledged[kind] = (ledger.acknowledged[kind] ?? 0) + 1;
    },
    /** A session was ended at the word of its client. */
    revoke(sessionId, ...tokens) {
      ledger.honest.delete(sessionId);
      for (const token of tokens) ledger.revoked.push({ token, sessionId, at: performance.now() });
      ledger.acknowledge('revocation');
    },
    /** From now on PostgreSQL cannot be asked by everybody. @returns how it ends */
    outage() {
      const outage = { from: performance.now(), to: Infinity };
      outages.push(outage);
      return () => (outage.to = performance.now());
    },
    /** A revoked token was called valid when it was asked about at `askedAt`. */
    believed({ token, at }, askedAt, where) {
      const took = askedAt - at;
      const outage = outages.find(({ from, to }) => from < at + HEARD_MS && to > at - BACK_MS);
      const allowed = outage ? Math.min(STALE_MS, Math.max(outage.to + BACK_MS - at, HEARD_MS)) : HEARD_MS;
      if (outage) ledger.believedInOutageMs = Math.max(ledger.believedInOutageMs, took);
      else ledger.believedMs = Math.max(ledger.believedMs, took);
      if (took > allowed)
        ledger.wrongYes.push(`${where} believed …${token.slice(-8)} ${Math.round(took)} ms after its end`);
    },
    violations: () => [...ledger.lost, ...ledger.wrongYes, ...ledger.honestRevoked, ...ledger.broken],
  });
}
