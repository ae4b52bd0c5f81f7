import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { configure } from '../../gateway/hive/gateway.config.mjs';

const SECRET = 'the secret of the gateway';
const PASSED_ON = ['authorization', 'user-agent', 'x-request-id'];
const CODES = ['code', 'fields', 'requestId', 'retryAfterSeconds'];

/** What a gateway does with requests, read from its own file. */
interface Habits {
  /** Names of a client's headers that subgraphs see. */
  passedOn: string[];
  /** What goes to the auth subgraph beside them, and to all. */
  added: { auth: Record<string, string>; all: Record<string, string> };
  /** Whether equal queries that are under way at once are sent to it once. */
  deduplicates: boolean;
}

const read = (file: string) => parse(readFileSync(new URL(`../../gateway/${file}`, import.meta.url), 'utf8'));
const sorted = (names: string[]) => names.map((name) => name.toLowerCase()).sort();

type Rule = Record<string, { named?: string; name?: string; value?: string; expression?: string }>;

/** Rules as Apollo Router and Hive Router write them. */
function byAction(rules: Rule[] = []) {
  const inserted = rules.flatMap(({ insert }) =>
    insert ? [[insert.name, insert.value ?? insert.expression]] : [],
  );
  return {
    passedOn: sorted(rules.flatMap(({ propagate }) => propagate?.named ?? [])),
    added: Object.fromEntries(inserted) as Record<string, string>,
    other: rules.filter((rule) => !rule['insert'] && !rule['propagate']),
  };
}

function ofRouter(file: string): Habits {
  const { headers, traffic_shaping: traffic } = read(file);
  const all = byAction(headers.all.request);
  const auth = byAction(headers.subgraphs.auth.request);
  expect([...all.other, ...auth.other, ...auth.passedOn]).toEqual([]);
  const deduplicates = traffic.subgraphs?.auth.deduplicate_query ?? traffic.all.dedupe_enabled;
  return { passedOn: all.passedOn, added: { all: all.added, auth: auth.added }, deduplicates };
}

interface CosmoRule {
  op: string;
  named?: string;
  name?: string;
  value?: string;
}

function ofCosmo(): Habits {
  const { headers, engine } = read('cosmo/config.yaml');
  const added = (rules: CosmoRule[]) =>
    Object.fromEntries(
      rules.filter(({ op }) => op === 'set').map(({ name, value }) => [name!.toLowerCase(), value!]),
    );
  const propagated = headers.all.request.filter(({ op }: CosmoRule) => op === 'propagate');
  return {
    passedOn: sorted(propagated.map(({ named }: CosmoRule) => named!)),
    added: { all: added(headers.all.request), auth: added(headers.subgraphs.auth.request) },
    deduplicates: engine.enable_single_flight || engine.enable_inbound_request_deduplication,
  };
}

/** Headers that would reach a subgraph, of a client that sends too many. */
const FORGED = { authorization: 'Bearer t', 'x-user-id': '1', cookie: 'a=b', 'x-gateway-secret': 'guess' };

function ofHiveGateway(): Habits {
  const { propagateHeaders, transportEntries } = configure({ GATEWAY_SECRET: SECRET });
  const sent = (subgraphName: string) =>
    propagateHeaders.fromClientToSubgraphs({
      subgraphName,
      request: new Request('http://127.0.0.1', { headers: FORGED }),
    });
  const { 'x-gateway-secret': secret = '', ...passedOn } = sent('auth');
  expect(sent('notes')).toEqual(passedOn);
  return {
    passedOn: sorted(Object.keys(passedOn)),
    added: { all: {}, auth: { 'x-gateway-secret': secret } },
    deduplicates: transportEntries.auth.options.deduplicateInflightRequests,
  };
}

describe('every router in the pack', () => {
  it.each([
    ['Apollo Router', () => ofRouter('router.yaml'), '${env.GATEWAY_SECRET}'],
    ['Apollo Router that asks at the edge', () => ofRouter('router.edge.yaml'), '${env.GATEWAY_SECRET}'],
    ['Apollo Router without a licence', () => ofRouter('router.unlicensed.yaml'), '${env.GATEWAY_SECRET}'],
    ['Hive Router', () => ofRouter('hive/router.config.yaml'), 'env("GATEWAY_SECRET")'],
    ['Cosmo Router', ofCosmo, '${GATEWAY_SECRET}'],
    ['Hive Gateway', ofHiveGateway, SECRET],
  ])(
    '%s passes the same headers on, proves itself to the auth subgraph alone, and asks each time',
    (_, habits, value) => {
      expect(habits()).toEqual({
        passedOn: PASSED_ON,
        added: { all: {}, auth: { 'x-gateway-secret': value } },
        deduplicates: false,
      });
    },
  );

  it('lets the codes of our errors through, and what clients act on beside them', () => {
    for (const file of ['router.yaml', 'router.edge.yaml', 'router.unlicensed.yaml']) {
      const { all, subgraphs } = read(file).include_subgraph_errors;
      const allowed = [...all.allow_extensions_keys, ...subgraphs.auth.allow_extensions_keys];
      expect([file, ...sorted(allowed)]).toEqual([file, ...sorted(CODES)]);
    }
    const cosmo = read('cosmo/config.yaml').subgraph_error_propagation;
    expect(cosmo).toMatchObject({ mode: 'pass-through', omit_extensions: false });
    expect(sorted(cosmo.allowed_extension_fields)).toEqual(sorted(CODES));
  });

  it('takes a token that is not good any more for nobody, so that refreshing beside it works', () => {
    expect(read('router.yaml').authentication.router.jwt.on_error).toBe('Continue');
    expect(read('hive/router.config.yaml').jwt.require_authentication).toBe(false);
    const cosmo = read('cosmo/config.yaml');
    expect(cosmo.authentication.jwt.on_error).toBe('continue');
    expect(cosmo.authorization.require_authentication).toBe(false);
  });

  it('asks for the algorithm and the audience of our tokens, and keeps no answers', () => {
    const [apollo] = read('router.yaml').authentication.router.jwt.jwks;
    const cosmo = read('cosmo/config.yaml');
    const [wundergraph] = cosmo.authentication.jwt.jwks;
    const { jwt: hive } = read('hive/router.config.yaml');
    for (const algorithms of [apollo.algorithms, wundergraph.algorithms, hive.allowed_algorithms])
      expect(algorithms).toEqual(['ES256']);
    expect([apollo.audiences, wundergraph.audiences, hive.audiences].map((list) => list.length)).toEqual([
      1, 1, 1,
    ]);
    const caches = [cosmo.cache_control_policy, cosmo.automatic_persisted_queries, read('router.yaml').apq];
    expect(caches.map(({ enabled }) => enabled)).toEqual([false, false, false]);
    expect(configure({})).not.toHaveProperty('responseCaching');
  });
});
