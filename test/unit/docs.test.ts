import { existsSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { buildSchema, type GraphQLField } from 'graphql';
import { variables } from '../../src/config.js';
import { catalogue } from '../../src/errors.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
}).split('\n');
const pages = tracked.filter((path) => path.endsWith('.md') && existsSync(join(root, path)));

/** What GitHub makes of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[`*]|\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replace(/ /g, '-');
const anchorsOf = (path: string) =>
  new Set([...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading ?? '')));

/** Links of a page that stay in the repository and lead nowhere. */
function broken(page: string): string[] {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(root, file))) return true;
    return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor);
  });
}

it.each(pages)('%s leads to what is there', (page) => {
  expect(broken(page)).toEqual([]);
});

describe('docs/rest-map.md', () => {
  const schema = buildSchema(read('schema.graphql'), { assumeValidSDL: true });
  const fields: Record<string, GraphQLField<unknown, unknown>> = {
    ...schema.getQueryType()?.getFields(),
    ...schema.getMutationType()?.getFields(),
  };
  /** The cells that say what it is called here, under one heading. */
  const cells = (heading: string) => {
    const section = read('docs/rest-map.md').split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
    return [...section.matchAll(/^\| .*? \| (.*?) \|/gm)].map(([, cell]) => cell ?? '').slice(1);
  };

  it('names operations and arguments that are in the graph', () => {
    const calls = cells('Endpoints').flatMap((cell) => [...cell.matchAll(/`(\w+)(?:\(([^)`]*)\))?[^`]*`/g)]);
    expect(calls.length).toBeGreaterThan(40);
    const named = calls.filter(([, name]) => name !== 'POST' && name !== 'GET');
    for (const [text, name = '', given = ''] of named) {
      expect({ text, field: fields[name]?.name }).toEqual({ text, field: name });
      const wanted = [...given.replace(/\{.*\}/, '').matchAll(/(\w+)(?=\s*[:,]|$)/g)].map(([, word]) => word);
      const known = fields[name]?.args.map((argument) => argument.name) ?? [];
      expect(wanted.filter((word) => word !== 'true' && !known.includes(word ?? ''))).toEqual([]);
    }
  });

  it('names settings that there are', () => {
    const names = cells('Settings').flatMap((cell) => [...cell.matchAll(/`([A-Z][A-Z_]{3,})`/g)]);
    expect(names.length).toBeGreaterThan(15);
    for (const [, name = ''] of names) expect(Object.keys(variables)).toContain(name);
  });
});

it('docs/troubleshooting.md names codes, reasons and settings that there are', () => {
  const schema = buildSchema(read('schema.graphql'), { assumeValidSDL: true });
  const values = Object.values(schema.getTypeMap()).flatMap((type) =>
    'getValues' in type ? type.getValues().map(({ name }) => name) : [],
  );
  const known = new Set([...values, ...Object.keys(catalogue), ...Object.keys(variables)]);
  const named = [...read('docs/troubleshooting.md').matchAll(/`(?:reason: )?([A-Z][A-Z_]{3,})(?:=[^`]*)?`/g)];
  expect(named.length).toBeGreaterThan(20);
  expect(
    named.map(([, name = '']) => name).filter((name) => !known.has(name) && !name.startsWith('NODE_')),
  ).toEqual([]);
});

describe('docs/performance.md', () => {
  const json = (name: string): unknown =>
    existsSync(join(root, `docs/performance/${name}.json`))
      ? JSON.parse(read(`docs/performance/${name}.json`))
      : undefined;
  const part = (name: string) => import(join(root, 'bench', name)) as Promise<Record<string, unknown>>;

  it('shows the pictures that the kept figures make', async () => {
    const { plotsOf } = (await part('report/plots.mjs')) as {
      plotsOf: (kept: unknown) => Record<string, string>;
    };
    const plots = plotsOf({ results: json('results'), memory: json('memory') });
    for (const [name, svg] of Object.entries(plots)) expect(read(`docs/performance/${name}.svg`)).toBe(svg);
    const shown = read('docs/performance.md').match(/performance\/[a-z-]+\.svg/g) ?? [];
    expect(shown).toHaveLength(Object.keys(plots).length);
  });

  it('calls a promise broken that the rounds do not keep, and says nothing of one that nobody asked for', async () => {
    const { judge } = (await part('promises.mjs')) as {
      judge: (cells: unknown) => { value: number; isKept: boolean }[];
    };
    const cell = (row: string, job: string, ...times: number[]) => {
      const rounds = times.map((cpuUs) => ({ cpuUs, rate: 1e6 / cpuUs }));
      return { group: 'verify', kind: row === 'authgraph' ? 'own' : 'reference', row, job, rounds };
    };
    const own = cell('authgraph', 'verify', 50, 60, 70);
    const apollo = (...times: number[]) => cell('Apollo Server { __typename }', 'typename', ...times);
    expect(judge([own])).toEqual([]);
    expect(judge([own, apollo(100, 72, 105)])).toMatchObject([{ value: 1.5, isKept: true }]);
    expect(judge([own, apollo(60, 72, 105)])).toMatchObject([{ value: 1.2, isKept: false }]);
    expect(judge([{ ...own, invalid: 'refused' }, apollo(100, 72, 105)])).toMatchObject([{ isKept: false }]);
  });
});
