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
