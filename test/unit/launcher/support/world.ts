import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { eventually } from '../../../support/eventually.ts';
import { isAlive, processesOf } from '../../../support/processes.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';
import { TtrpcClient } from '../../keeper/support/ttrpc-client.ts';
import { buildNativePrograms } from './build.ts';

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
  readonly network: string;
  readonly cgroups: string;
  readonly status: string;
  readonly stat: string;
}

export interface CallOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** What a stand-in daemon has written down of its life. */
export interface Note {
  readonly pid: number;
  readonly build: string;
  readonly [what: string]: unknown;
}

const keeperTestSupport = path.join(import.meta.dirname, '../../keeper/support');

/** An installation of launcher and keeper in a directory of its own, with a stand-in for the daemon's program. */
export class World {
  readonly dir: string;
  readonly binary: string;
  readonly runDir: string;
  readonly daemonDir: string;
  readonly bundle: string;
  readonly keeperSocket: string;
  readonly lock: string;
  readonly log: string;
  readonly keeperLog: string;
  /** Where the daemon serves namespace `default`: what `start` prints, with unix:// before it. */
  readonly namespaceSocket: string;
  readonly address: string;

  private constructor(dir: string) {
    this.dir = dir;
    this.binary = path.join(dir, 'bin/containerd-shim-lxcri-v1');
    this.runDir = path.join(dir, 'run');
    this.daemonDir = path.join(this.runDir, 'daemon');
    this.bundle = path.join(dir, 'bundle');
    this.keeperSocket = path.join(this.runDir, 'keeper.sock');
    this.lock = path.join(this.runDir, 'keeper.lock');
    this.log = path.join(this.daemonDir, 'shim.log');
    this.keeperLog = path.join(this.daemonDir, 'keeper.log');
    this.namespaceSocket = path.join(this.runDir, 'sockets/default');
    this.address = `unix://${this.namespaceSocket}`;
  }

  /** Makes one that is gone, with all that it has started, when the test ends. */
  static async create(t: ExecutionContext): Promise<World> {
    const built = await buildNativePrograms();
    const world = new World(await makeTempDir());
    t.teardown(() => world.#remove());
    for (const name of ['bin', 'lib/proxmox-lxcri', 'bundle'])
      await mkdir(path.join(world.dir, name), { recursive: true });
    await copyFile(built.launcher, world.binary);
    await copyFile(built.keeper, path.join(world.libDir, 'lxcri-keeper'));
    await world.installDaemon(world.libDir);
    return world;
  }

  get libDir(): string {
    return path.join(this.dir, 'lib/proxmox-lxcri');
  }

  get daemonScript(): string {
    return path.join(this.libDir, 'shim.cjs');
  }

  /** Puts the stand-in daemon into a library directory, which is made. */
  async installDaemon(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true });
    await copyFile(path.join(keeperTestSupport, 'stand-in-daemon.cjs'), path.join(directory, 'shim.cjs'));
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

  /** What all daemons have written down, in order. */
  async notes(): Promise<Note[]> {
    const text = await readFile(path.join(this.runDir, 'notes'), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Note);
  }

  /** Waits until a daemon has written down something of this name, and so often. */
  async noted(what: string, times = 1): Promise<Note> {
    return eventually(async () => (await this.notes()).filter((note) => what in note)[times - 1]);
  }

  /** Connects as containerd does, once and without a second try. */
  async connect(socketPath = this.namespaceSocket): Promise<TtrpcClient> {
    return TtrpcClient.connect(socketPath);
  }

  /** Connects, and returns the pid of the daemon that answers. */
  async ping(socketPath = this.namespaceSocket): Promise<number> {
    const client = await this.connect(socketPath);
    const { pid } = await client.ask({ op: 'echo' });
    client.close();
    return Number(pid);
  }

  /** Says a line to the keeper, and returns its answer. */
  async tellKeeper(line: string): Promise<string> {
    const connection = connect(this.keeperSocket);
    connection.setEncoding('utf8');
    await once(connection, 'connect');
    connection.write(`${line}\n`);
    let answer = '';
    for await (const part of connection) answer += String(part);
    return answer.trimEnd();
  }

  /** What the keeper says of itself. */
  async status(): Promise<Record<string, string>> {
    const lines = (await this.tellKeeper('status')).split('\n');
    const pairs = lines.map((line) => line.split(' '));
    return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]));
  }

  /** The keeper's pid. */
  async keeper(): Promise<number> {
    return Number((await this.status())['keeper']);
  }

  /** Waits until the keeper has departed. */
  async departed(pid: number): Promise<void> {
    await eventually(async () => ((await isAlive(pid)) ? undefined : true));
  }

  /** Everything in the run directory, as relative paths; what the stand-in itself writes left out. */
  async leftInRunDir(): Promise<string[]> {
    const names = await readdir(this.runDir, { recursive: true }).catch(() => []);
    return names.filter((name) => !/^(started-|request|notes|died)/.test(name)).sort();
  }

  /** kill -9, and waits until the process is gone. */
  async kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await eventually(async () => ((await isAlive(pid)) ? undefined : true), { intervalMs: 2 });
  }

  async #remove(): Promise<void> {
    const reports = await this.startReports();
    const keeper = await this.keeper().catch(() => undefined);
    // It clears its cgroups away, as no other process can know them.
    if (keeper !== undefined) {
      process.kill(keeper, 'SIGTERM');
      await this.departed(keeper).catch(() => undefined);
    }
    for (const { pid } of await processesOf(this.dir)) await this.kill(pid).catch(() => undefined);
    for (const { cgroups } of reports) await removeCgroups(cgroups);
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
 * Removes what a killed keeper leaves to the next one, and the last test to nobody, unless another keeper lives there
 * too. `cgroups` is a daemon's /proc/self/cgroup.
 */
async function removeCgroups(cgroups: string): Promise<void> {
  if (!cgroups.includes('/proxmox-lxcri/daemon')) return;
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line));
  for (const mount of mounts) {
    const base = path.join(mount.split(' ')[4] ?? '', 'proxmox-lxcri');
    for (const each of [path.join(base, 'daemon'), base])
      await eventually(() => removeIfThere(each), { timeoutMs: 300, intervalMs: 10 }).catch(() => undefined);
  }
}

async function removeIfThere(directory: string): Promise<true> {
  await rmdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
  return true;
}
