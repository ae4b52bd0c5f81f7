import type { Knex } from 'knex';
import { OWNER_ROLE } from '../access.js';
import type { Looking, Suspicion, Watched } from './rule.js';

/** The rank of STAFF: from here on a role manages other people. */
const STAFF_RANK = 20;

/** What a set of roles amounts to; of permissions the platform's own alone. */
interface Might {
  rank: number;
  permissions: readonly string[];
}

/** More power in somebody's hands than before. */
export async function findEscalations({ trx, events }: Looking): Promise<Suspicion[]> {
  const platform = new Set(await trx('permissions').where({ builtIn: true }).pluck<string[]>('name'));
  const found: Suspicion[] = [];
  for (const event of events) {
    const suspicion =
      event.type === 'roles.set' ? await judgeGrant(trx, event) : judgeChange(event, platform);
    if (suspicion) found.push(suspicion);
  }
  return found;
}

/** What is on record of a grant. */
interface Grant {
  before: string[];
  after: string[];
  /** These two as of the grant; events of earlier versions lack them, and are judged by what the roles are now. */
  ranks?: [before: number, after: number];
  gained?: string[];
}

async function judgeGrant(trx: Knex, event: Watched): Promise<Suspicion | undefined> {
  const { before, after, ranks, gained } = event.details as unknown as Grant;
  const gains =
    ranks && gained
      ? gainsOf({ rank: ranks[0], permissions: [] }, { rank: ranks[1], permissions: gained })
      : gainsOf(await mightOf(trx, before), await mightOf(trx, after));
  if (!gains) return undefined;
  const isOwner = after.includes(OWNER_ROLE) && !before.includes(OWNER_ROLE);
  return {
    about: event.id,
    severity: isOwner ? 'HIGH' : 'MEDIUM',
    subject: event.subject,
    details: { actor: event.actor, before, after, gained: gains.permissions },
  };
}

function judgeChange(event: Watched, platform: ReadonlySet<string>): Suspicion | undefined {
  const { role, before, after } = event.details as { role: string; before: Might; after: Might };
  const own = ({ rank, permissions }: Might) => ({
    rank,
    permissions: permissions.filter((name) => platform.has(name)),
  });
  const gains = gainsOf(own(before), own(after));
  return (
    gains && {
      about: event.id,
      subject: event.subject,
      details: { actor: event.actor, role, gained: gains.permissions },
    }
  );
}

function gainsOf(before: Might, after: Might): { permissions: string[] } | undefined {
  const permissions = after.permissions.filter((name) => !before.permissions.includes(name)).sort();
  const isRaised = after.rank > before.rank && after.rank >= STAFF_RANK;
  return isRaised || permissions.length > 0 ? { permissions } : undefined;
}

/** As these roles are now; those that have gone since amount to nothing. */
async function mightOf(trx: Knex, names: readonly string[]): Promise<Might> {
  const { rows } = await trx.raw<{ rows: Might[] }>(
    `select coalesce(max(r.rank), 0) as rank,
       coalesce(array_agg(distinct p.name) filter (where p.built_in), '{}') as permissions
     from roles r left join role_permissions c on c.role_id = r.id left join permissions p on p.name = c.permission
     where r.name = any(?)`,
    [names as string[]],
  );
  return rows[0] ?? { rank: 0, permissions: [] };
}
