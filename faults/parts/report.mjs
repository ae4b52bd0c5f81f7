// What a run has shown, for people and for programs.

/** A scenario's ledger as figures. @param more what the scenario itself has to say */
export function describe(name, { ledger, ...more }) {
  const sum = (counts) => Object.values(counts).reduce((all, one) => all + one, 0);
  return {
    name,
    kills: ledger.kills,
    calls: ledger.calls,
    acknowledged: sum(ledger.acknowledged),
    acknowledgedBy: ledger.acknowledged,
    lost: ledger.lost.length,
    wrongYes: ledger.wrongYes.length,
    honestRevoked: ledger.honestRevoked.length,
    broken: ledger.broken.length,
    errors: ledger.errors,
    believedMs: Math.round(ledger.believedMs),
    believedInOutageMs: Math.round(ledger.believedInOutageMs),
    violations: ledger.violations(),
    ...more,
  };
}

const COLUMNS = {
  scenario: ({ name }) => name,
  seconds: ({ seconds }) => seconds,
  kills: ({ kills }) => kills,
  calls: ({ calls }) => calls,
  acknowledged: ({ acknowledged }) => acknowledged,
  lost: ({ lost }) => lost,
  'wrong yes': ({ wrongYes }) => wrongYes,
  'honest ended': ({ honestRevoked }) => honestRevoked,
  'otherwise wrong': ({ broken }) => broken,
  'errors shown to clients': ({ errors, skipped, failed }) =>
    skipped ? `skipped: ${skipped}` : failed ? 'FAILED' : codes(errors),
};

const codes = (errors) =>
  Object.entries(errors)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ') || 'none';

/** The same as a table of Markdown, with a line for all together. */
export function table({ scenarios, seconds }) {
  const ran = scenarios.filter(({ kills }) => kills !== undefined);
  const all = { name: 'all', seconds, errors: {} };
  for (const { errors } of ran)
    for (const [code, count] of Object.entries(errors)) all.errors[code] = (all.errors[code] ?? 0) + count;
  for (const key of ['kills', 'calls', 'acknowledged', 'lost', 'wrongYes', 'honestRevoked', 'broken'])
    all[key] = ran.reduce((sum, one) => sum + one[key], 0);
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  const rows = [...scenarios, all].map((one) => Object.values(COLUMNS).map((read) => read(one) ?? ''));
  return [Object.keys(COLUMNS), Object.keys(COLUMNS).map(() => '---'), ...rows].map(line).join('');
}
