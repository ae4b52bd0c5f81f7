// What `npm run bench -- …` may be told; README.md says what each is.
import { parseArgs } from 'node:util';
import { GROUPS } from './groups.mjs';

/** What `--full` asks for where nothing else is said. */
const FULL = { accounts: '1,1000,1000000', memory: '600' };
const DEFAULTS = {
  rounds: '5',
  seconds: '2',
  'hash-seconds': '4',
  'warm-up': '2',
  connections: '32',
  sessions: '96',
  people: '32',
  accounts: '1,1000',
  processes: '1,2',
  starts: '5',
};

const TEXT = { type: 'string' };
const SWITCH = { type: 'boolean', default: false };

/** The options of this command line. @throws TypeError for one that there is not */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      ...Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, TEXT])),
      ...{
        jobs: TEXT,
        rows: TEXT,
        peers: TEXT,
        postgres: TEXT,
        redis: TEXT,
        out: TEXT,
        plot: TEXT,
        memory: TEXT,
      },
      ...{ full: SWITCH, docs: SWITCH },
    },
  });
  const given = { ...DEFAULTS, ...(values.full && FULL), ...values };
  const number = (name) => positive(name, given[name]);
  return {
    ...{ peers: given.peers, postgres: given.postgres, redis: given.redis, out: given.out, plot: given.plot },
    ...{ docs: given.docs, rows: given.rows?.split(','), jobs: jobsOf(given.jobs) },
    ...{ rounds: number('rounds'), seconds: number('seconds'), hashSeconds: number('hash-seconds') },
    ...{ warmUp: number('warm-up'), connections: number('connections'), starts: number('starts') },
    ...{ sessions: number('sessions'), people: number('people') },
    memory: given.memory && positive('memory', given.memory),
    accounts: given.accounts.split(',').map((one) => positive('accounts', one)),
    processes: given.processes.split(',').map((one) => positive('processes', one)),
  };
}

function positive(name, text) {
  const number = Number(text);
  if (!(number > 0)) throw new TypeError(`--${name} must be a number above 0, not ${text}`);
  return number;
}

function jobsOf(text) {
  const names = text?.split(',') ?? GROUPS;
  const unknown = names.filter((name) => !GROUPS.includes(name));
  if (unknown.length > 0)
    throw new TypeError(`there is no job ${unknown.join(', ')}; there are ${GROUPS.join(', ')}`);
  return names;
}
