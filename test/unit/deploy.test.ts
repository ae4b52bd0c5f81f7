import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { variables } from '../../src/config.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const known = Object.keys(variables);

/** The names that a file of `NAME=value` lines sets. */
const namesIn = (path: string) => [...read(path).matchAll(/^([A-Z][A-Z_]+)=/gm)].map(([, name = '']) => name);

describe('deploy/Dockerfile', () => {
  const dockerfile = read('deploy/Dockerfile');

  it('copies what is there and what .dockerignore lets through', () => {
    const taken = read('deploy/Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, from = '']) =>
      from.split(' '),
    );
    expect(copied.length).toBeGreaterThan(5);
    for (const path of copied.filter((one) => one !== '.')) {
      expect(existsSync(join(root, path))).toBe(true);
      expect(taken).toContainEqual(`!${path}`);
    }
  });

  it('runs on a version of Node that the tests run on, without rights', () => {
    expect(dockerfile).toMatch(/^FROM gcr\.io\/distroless\/nodejs24-debian12:nonroot$/m);
    expect(read('test/integration/node-24.test.ts')).toContain('24');
    for (const [, base] of dockerfile.matchAll(/^FROM (\S+)/gm)) expect(base).toMatch(/24/);
  });
});

describe('deploy/compose.yaml', () => {
  const { services } = parse(read('deploy/compose.yaml')) as {
    services: Record<string, { environment?: Record<string, unknown>; volumes?: string[] }>;
  };

  it('sets what the service knows, from what the example names', () => {
    const set = services['auth']?.environment ?? {};
    expect(Object.keys(set).filter((name) => !known.includes(name))).toEqual([]);
    const asked = [...JSON.stringify(services).matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name);
    expect(new Set(asked)).toEqual(new Set(namesIn('deploy/compose.env.example')));
  });

  it('gives the router a configuration that is there', () => {
    const mounted = services['router']?.volumes?.map((volume) => volume.split(':')[0] ?? '') ?? [];
    const ours = mounted.filter((path) => path.startsWith('../'));
    expect(ours).toHaveLength(1);
    for (const path of ours) expect(existsSync(join(root, 'deploy', path))).toBe(true);
  });
});

describe('deploy/kubernetes', () => {
  const folder = 'deploy/kubernetes';
  const { resources } = parse(read(`${folder}/kustomization.yaml`)) as { resources: string[] };
  const parts = resources.flatMap((name) =>
    parseAllDocuments(read(`${folder}/${name}`)).map((part) => part.toJS() as Part),
  );

  interface Part {
    kind: string;
    spec: {
      selector?: Record<string, unknown>;
      template?: { spec: { containers: Container[]; securityContext: object } };
    };
  }
  interface Container {
    args?: string[];
    securityContext: object;
    ports?: { name: string }[];
    livenessProbe?: { httpGet: { path: string } };
    readinessProbe?: { httpGet: { path: string } };
  }
  const containers = parts.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);

  it('sets what the service knows', () => {
    const secrets = parseAllDocuments(read(`${folder}/secret.example.yaml`)).flatMap((part) =>
      Object.keys((part.toJS() as { stringData: object }).stringData),
    );
    const set = [...namesIn(`${folder}/authgraph.env`), ...secrets];
    expect(set.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('runs everything without rights, on a file system that it cannot change', () => {
    expect(containers).toHaveLength(2);
    for (const { securityContext } of containers)
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
  });

  it('asks at doors that there are, and never kills a process because its database is away', () => {
    const service = containers.find(({ ports }) => ports !== undefined);
    expect(service?.livenessProbe?.httpGet.path).toBe('/health/live');
    expect(service?.readinessProbe?.httpGet.path).toBe('/health/ready');
    for (const path of ['/health/live', '/health/ready']) expect(read('src/http.ts')).toContain(`'${path}'`);
  });

  it('has everything that a cluster needs of it, and no secret', () => {
    expect(parts.map(({ kind }) => kind).sort()).toEqual([
      ...['Deployment', 'HorizontalPodAutoscaler', 'Job', 'NetworkPolicy', 'PodDisruptionBudget'],
      ...['Service', 'ServiceAccount'],
    ]);
    expect(resources).not.toContain('secret.example.yaml');
  });
});
