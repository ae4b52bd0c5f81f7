import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findBinaries, type Binaries } from './embedded/binaries.js';
import { DATABASE, ensureCluster, USER } from './embedded/cluster.js';
import { advise, chooseLauncher, handOver, launch, letThrough } from './embedded/launcher.js';
import { findPostmaster, PORT, disownStale } from './embedded/postmaster.js';
import { chooseSocketFolder } from './embedded/socket.js';

/** What to start: see {@link startEmbeddedPostgres}. */
export interface EmbeddedOptions {
  /** The folder that will hold `postgres/` and `postgres.log`; made, with mode 0700, where missing. */
  readonly dataDir: string;
  /** Off, everything is faster and a crash of the machine loses the data: for tests. On by default. */
  readonly durable?: boolean;
  /** 100 by default. */
  readonly maxConnections?: number;
  /** Told when the server that this call started has stopped without having been asked to. */
  readonly onDeath?: () => void;
}

/** A running PostgreSQL that this process started, or found running on the same folder. */
export interface EmbeddedPostgres {
  /** For pg and knex as it is; `host` is the folder of the unix socket. */
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
    readonly ssl: false;
  };
  /** The same as a connection URL, which pg, knex and libpq take: `postgresql://user@localhost/db?host=/folder`. */
  readonly url: string;
  /** The process number of the server. */
  readonly pid: number;
  /** False when another process started it: then it also ends with that process. */
  readonly isOwn: boolean;
  /** Shuts down what this call started, and waits for it; does nothing to a server that others started. */
  stop(): Promise<void>;
}

/** A crash recovery may replay a gigabyte of WAL before it takes connections. */
const PATIENCE_MS = 60_000;
const POLL_MS = 10;
/** A fast shutdown that takes longer is followed by an immediate one; recovery then happens at the next start. */
const SHUTDOWN_MS = 10_000;
/** PostgreSQL's words for: processes of a server that was killed have not noticed yet. */
const REMAINS = 'shared memory block';
const LOG_BYTES = 10 * 1024 * 1024;

/**
 * Starts a real PostgreSQL on `<dataDir>/postgres` from binaries that npm installed, making the data and the database
 * `authgraph` the first time; or connects to the one that another process already runs there. It listens on a unix socket
 * in that folder, which only this user may enter, and never on TCP; it shuts down when this process dies.
 * @throws Error that says what to do: another PostgreSQL version's data, no binaries, not allowed to run.
 * @see test/unit/embedded.test.ts
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = realpathSync(options.dataDir);
  const binaries = findBinaries();
  const folder = join(dataDir, 'postgres');
  await ensureCluster(folder, binaries, options.durable ?? true);
  return serve({ ...options, dataDir }, folder, binaries);
}

async function serve(
  options: EmbeddedOptions,
  folder: string,
  binaries: Binaries,
): Promise<EmbeddedPostgres> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const found = await findPostmaster(folder);
    if (found.state === 'ready') return describe(found.socketFolder, found.pid);
    if (found.state === 'stale') await disownStale(folder, found.text);
    const started = found.state === 'busy' ? undefined : await start(options, folder, binaries, deadline);
    if (started !== undefined) return started;
    await delay(POLL_MS);
  }
  throw new Error(
    `PostgreSQL on ${folder} takes no connections; see ${join(options.dataDir, 'postgres.log')}.`,
  );
}

/** Answers undefined when the thing to do is to look again: another process was faster, or a crashed server's remains go. */
async function start(
  options: EmbeddedOptions,
  folder: string,
  binaries: Binaries,
  deadline: number,
): Promise<EmbeddedPostgres | undefined> {
  const launcher = await chooseLauncher(folder);
  await letThrough(options.dataDir, launcher);
  await handOver(folder, launcher);
  const socketFolder = await chooseSocketFolder(folder, launcher);
  const log = openLog(options.dataDir);
  const child = launch(
    launcher,
    [binaries.postgres, '-D', folder, ...settings(options, socketFolder)],
    ['ignore', log.fd, log.fd],
  );
  closeSync(log.fd);
  const outcome = await untilReady(child, folder, deadline);
  if (outcome === 'overtaken') return undefined;
  if (outcome === 'ready') return own(child, folder, socketFolder, options);
  child.kill('SIGQUIT');
  const said = `${outcome}${log.since()}`;
  if (said.includes(REMAINS)) return undefined;
  throw new Error(`PostgreSQL did not start. ${advise(launcher)}\n${said}`);
}

async function untilReady(child: ChildProcess, folder: string, deadline: number): Promise<string> {
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', () => (failure ??= ''));
  while (performance.now() < deadline) {
    const found = await findPostmaster(folder);
    if (found.state === 'ready' && found.pid === child.pid) return 'ready';
    if (failure !== undefined) return 'pid' in found && found.pid !== child.pid ? 'overtaken' : failure;
    await delay(POLL_MS);
  }
  return '';
}

function settings(options: EmbeddedOptions, socketFolder: string): string[] {
  const durable = options.durable ?? true;
  const values = {
    listen_addresses: '',
    port: PORT,
    unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    max_connections: options.maxConnections ?? 100,
    // One machine, no standby: nothing reads more of the WAL than crash recovery does.
    wal_level: 'minimal',
    max_wal_senders: 0,
    io_method: 'sync',
    // Without DETAIL lines, in which a refused row's personal data would stand.
    log_error_verbosity: 'terse',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function openLog(dataDir: string): { fd: number; since: () => string } {
  const file = join(dataDir, 'postgres.log');
  let fd = openSync(file, 'a', 0o600);
  if (fstatSync(fd).size > LOG_BYTES) {
    closeSync(fd);
    renameSync(file, `${file}.1`);
    fd = openSync(file, 'a', 0o600);
  }
  const { size } = fstatSync(fd);
  return { fd, since: () => readFileSync(file).subarray(size).toString() };
}

function own(
  child: ChildProcess,
  folder: string,
  socketFolder: string,
  options: EmbeddedOptions,
): EmbeddedPostgres {
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // Where the kernel cannot be asked to (setpriv), at least an orderly end of this process takes PostgreSQL with it.
  const onExit = () => child.kill('SIGINT');
  process.once('exit', onExit);
  let isStopping = false;
  void exited.then(() => {
    process.off('exit', onExit);
    if (!isStopping) options.onDeath?.();
  });
  child.unref();
  const stop = async () => {
    isStopping = true;
    child.ref();
    child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGQUIT'), SHUTDOWN_MS);
    await exited;
    clearTimeout(timer);
    if (socketFolder !== folder) await rmdir(socketFolder).catch(() => undefined);
  };
  return describe(socketFolder, child.pid ?? 0, stop);
}

function describe(host: string, pid: number, stop?: () => Promise<void>): EmbeddedPostgres {
  const connection = { host, port: PORT, user: USER, database: DATABASE, ssl: false as const };
  return {
    connection,
    url: `postgresql://${USER}@localhost:${PORT}/${DATABASE}?host=${encodeURIComponent(host)}&sslmode=disable`,
    pid,
    isOwn: stop !== undefined,
    stop: stop ?? (() => Promise.resolve()),
  };
}
