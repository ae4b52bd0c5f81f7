import { z } from 'zod';

/** One Redis; the master that Sentinels know; or a Cluster, of which some nodes are known. */
type Kind = 'single' | 'sentinel' | 'cluster';

/** `redis+sentinel://user:password@host:26379,host2/mymaster/0?sentinelPassword=…`, `redis+cluster://host:6379,host2`. */
const FORM =
  /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?]*)@)?([^@/?]+)(?:\/([^/?]*))?(?:\/(\d+))?\/?(?:\?(.*))?$/;
const DEFAULT_PORT: Readonly<Record<Kind, number>> = { single: 6379, sentinel: 26379, cluster: 6379 };
const KINDS = 'a redis or rediss URL, or one of redis+sentinel or redis+cluster with a list of hosts';

/** REDIS_URL, taken apart. */
export const redisUrl = z.string().transform((text, context) => {
  const redis = readRedisUrl(text);
  if (typeof redis !== 'string') return redis;
  context.addIssue({ code: 'custom', message: redis });
  return z.NEVER;
});

/** @returns where Redis is, or what is wrong with the text */
function readRedisUrl(text: string) {
  if (/^rediss?:/.test(text))
    return URL.canParse(text) ? { kind: 'single' as const, url: text } : wrong(KINDS);
  const [, tls, kind, credentials, hosts = '', name = '', db, query] = FORM.exec(text) ?? [];
  if (kind !== 'sentinel' && kind !== 'cluster') return wrong(KINDS);
  const nodes = hosts.split(',').map((host) => nodeOf(host, DEFAULT_PORT[kind]));
  if (!nodes.every((node) => node !== undefined)) return wrong('hosts as host:port, separated by commas');
  const shared = { nodes, ...credentialsOf(credentials), hasTls: tls === 's' };
  if (kind === 'cluster')
    return name === '' ? { kind: 'cluster' as const, ...shared } : wrong('no database behind a Cluster');
  if (name === '') return wrong('the name of the master behind its Sentinels, as in …:26379/mymaster');
  const { sentinelUsername, sentinelPassword } = Object.fromEntries(new URLSearchParams(query));
  return {
    kind: 'sentinel' as const,
    ...shared,
    name,
    db: Number(db ?? 0),
    sentinelUsername,
    sentinelPassword,
  };
}

const wrong = (what: string) => `must be ${what}`;

function nodeOf(text: string, fallback: number): { host: string; port: number } | undefined {
  const url = `redis://${text}`;
  if (text === '' || !URL.canParse(url)) return undefined;
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || fallback) };
}

function credentialsOf(text: string | undefined) {
  const [username = '', password = ''] = (text ?? '').split(/:(.*)/s).map(decoded);
  return { username: username || undefined, password: password || undefined };
}

/** As it stands where it is not encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
