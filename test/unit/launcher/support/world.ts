import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { eventually } from '../../../support/eventually.ts';
import { isAlive, processesOf } from '../../../support/processes.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';
import { BUILD_ID, buildLauncher } from './build.ts';

/** What a stand-in daemon has written about its start. */
export interface StartReport {
  readonly pid: number;
  readonly argv: string[];
  readonly execArgv: string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly umask: number;
  readonly descriptors: [number, string][];
  readonly childDescriptors: number[];
  readonly cgroups: string;
  readonly status: string;
  readonly stat: string;
}

export interface CallOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** An installation of the launcher in a directory of its own, with a stand-in for the daemon's program. */
export class World {
  readonly dir: string;
  readonly binary: string;
  readonly runDir: string;
  readonly daemonDir: string;
  readonly bundle: string;
  readonly socket: string;
  readonly lock: string;
  readonly log: string;
  /** Where the daemon serves namespace `default`: what `start` prints, with unix:// before it. */
  readonly namespaceSocket: string;
  readonly address: string;

  private constructor(dir: string) {
    this.dir = dir;
    this.binary = path.join(dir, 'bin/containerd-shim-lxcri-v1');
    this.runDir = path.join(dir, 'run');
    this.daemonDir = path.join(this.runDir, 'daemon');
    this.bundle = path.join(dir, 'bundle');
    this.socket = path.join(this.daemonDir, `${BUILD_ID}.sock`);
    this.lock = path.join(this.daemonDir, `${BUILD_ID}.lock`);
    this.log = path.join(this.daemonDir, 'shim.log');
    this.namespaceSocket = path.join(this.daemonDir, `${BUILD_ID}.default.sock`);
    this.address = `unix://${this.namespaceSocket}`;
  }

  /** Makes one that is gone, with all that it has started, when the test ends. */
  static async create(t: ExecutionContext): Promise<World> {
    const built = await buildLauncher();
    const world = new World(await makeTempDir());
    t.teardown(() => world.#remove());
    for (const name of ['bin', 'lib/proxmox-lxcri', 'bundle'])
      await mkdir(path.join(world.dir, name), { recursive: true });
    await copyFile(built, world.binary);
    await copyFile(path.join(import.meta.dirname, 'stand-in-daemon.cjs'), world.daemonScript);
    return world;
  }

  get daemonScript(): string {
    return path.join(this.dir, 'lib/proxmox-lxcri/shim.cjs');
  }

  /** Runs the launcher with these arguments. Never throws for an exit code. */
  run(args: readonly string[], { env, cwd }: CallOptions = {}) {
    return execa(this.binary, args, {
      cwd: cwd ?? this.bundle,
      env: { LXCRI_RUN_DIR: this.runDir, ...env },
      reject: false,
      stripFinalNewline: false,
      timeout: 20_000,
    });
  }

  /** Runs `start` as containerd does. */
  start(id = 'hello', options: CallOptions = {}) {
    return this.run([...containerdFlags(id), 'start'], options);
  }

  /** Runs `delete` as containerd does; its output is a protobuf, so bytes. */
  async delete(id: string, { env, cwd }: CallOptions = {}) {
    return execa(this.binary, [...containerdFlags(id), '-bundle', this.bundle, 'delete'], {
      cwd: cwd ?? this.bundle,
      env: { LXCRI_RUN_DIR: this.runDir, ...env },
      reject: false,
      encoding: 'buffer',
      timeout: 20_000,
    });
  }

  /** Makes the state directory that a daemon keeps for a container. */
  async makeState(id: string): Promise<string> {
    const directory = path.join(this.runDir, 'containers/default', id);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return directory;
  }

  async startReports(): Promise<StartReport[]> {
    const files = await readdir(this.runDir).catch(() => []);
    const reports = files.filter((name) => /^started-\d+\.json$/.test(name));
    return Promise.all(
      reports.map(async (name) => JSON.parse(await readFile(path.join(this.runDir, name), 'utf8')) as StartReport),
    );
  }

  /** The report of the only daemon that was ever started. */
  async onlyReport(): Promise<StartReport> {
    return eventually(async () => {
      const [report, ...others] = await this.startReports();
      if (others.length > 0) throw new Error(`${others.length + 1} daemons were started`);
      return report;
    });
  }

  /** Connects as containerd does, once and without a second try, and returns the pid that answers. */
  async ping(socketPath = this.namespaceSocket): Promise<number> {
    const connection = connect(socketPath);
    connection.setEncoding('utf8');
    await once(connection, 'connect');
    connection.write('ping');
    let answer = '';
    for await (const part of connection) answer += String(part);
    if (!/^\d+$/.test(answer)) throw new Error(`the daemon answered ${JSON.stringify(answer)}`);
    return Number(answer);
  }

  /** Everything in the run directory, as relative paths; what the stand-in itself writes left out. */
  async leftInRunDir(): Promise<string[]> {
    const names = await readdir(this.runDir, { recursive: true }).catch(() => []);
    return names.filter((name) => !/^(started-|request)/.test(name)).sort();
  }

  /** kill -9, and waits until the process is gone. */
  async kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await eventually(async () => ((await isAlive(pid)) ? undefined : true), { intervalMs: 2 });
  }

  async #remove(): Promise<void> {
    for (const { pid } of await processesOf(this.dir)) await this.kill(pid).catch(() => undefined);
    for (const { env } of await this.startReports()) await removeCgroups(env['LXCRI_CGROUP_DIRS'] ?? '');
    await rm(this.dir, { recursive: true, force: true });
  }
}

export function containerdFlags(id: string): string[] {
  return [
    ...['-namespace', 'default', '-address', '/run/containerd/containerd.sock'],
    ...['-publish-binary', '/usr/bin/containerd', '-id', id],
  ];
}

/**
 * Removes what a killed daemon leaves to the next one, and the last test to nobody: once its threads are gone, and unless
 * another daemon lives there too.
 */
async function removeCgroups(list: string): Promise<void> {
  for (const directory of list.split(':').filter(Boolean)) {
    for (const each of [directory, path.dirname(directory)])
      await eventually(() => removeIfThere(each), { timeoutMs: 300, intervalMs: 10 }).catch(() => undefined);
  }
}

async function removeIfThere(directory: string): Promise<true> {
  await rmdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
  return true;
}
