import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { cleanUp, RUNC_STATE } from './clean-up.ts';
import { eventually } from './eventually.ts';
import type { Scope } from './leftovers.ts';
import { BUSYBOX_IMAGE, writeImageArchive, type Image } from './oci-image.ts';
import { DIST_BIN } from './runtimes.ts';
import { Snapshotter } from './snapshotter.ts';
import { makeTempDir } from './temp-dir.ts';

export interface ContainerdOptions {
  /** How long this project's daemon stays when it has nothing to do. */
  readonly lingerMs?: number;
  readonly images?: readonly Image[];
  /** A network namespace of its own, for whatever changes addresses and firewalls. */
  readonly ownNetwork?: boolean;
  /** Keep the images' layers in LayerFS, whose name as a snapshotter is `layerfs`. */
  readonly layerFs?: boolean;
  /** Where containerd looks for shims first. */
  readonly shimDir?: string;
  /** More for the environment of containerd, and so of its shims. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The run directory is a file system of its own, with these mount options, whether the state is in memory or not. */
  readonly runDirMount?: string;
  /** What is below /run on a host is in memory there, as on any with systemd: containerd's state and the run directory. */
  readonly stateInMemory?: boolean;
}

export interface CtrOptions {
  /** `pipe`: the caller writes to it, and ends it. Without it there is nothing to read. */
  readonly stdin?: 'pipe' | 'ignore';
  readonly timeoutMs?: number;
  /** False for output too large to keep: the caller reads it from the stream. */
  readonly keepOutput?: boolean;
}

export interface CtrResult {
  /** ctr's own exit status, which for `run` is the container's. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Of no use here, and each costs containerd's start time or a directory outside its own. */
const NEEDLESS_PLUGINS = [
  'io.containerd.grpc.v1.cri',
  'io.containerd.internal.v1.opt',
  'io.containerd.internal.v1.restart',
  'io.containerd.internal.v1.tracing',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.tracing.processor.v1.otlp',
];

const configOf = ({ dir, stateDir, address, snapshotter }: Containerd) => `version = 2
root = "${dir}/root"
state = "${stateDir}"
disabled_plugins = ${JSON.stringify(NEEDLESS_PLUGINS)}
[grpc]
  address = "${address}"
[ttrpc]
  address = "${address}.ttrpc"
[debug]
  level = "info"
[proxy_plugins.layerfs]
  type = "snapshot"
  address = "${snapshotter.socket}"
`;

function spawnContainerd({ configFile, environment, logFile, ownNetwork }: Containerd) {
  const output = { file: logFile, append: true } as const;
  const args = ['--config', configFile];
  const [program, prefix] = ownNetwork ? ['unshare', ['--net', 'containerd']] : ['containerd', []];
  return execa(program, [...prefix, ...args], {
    env: environment,
    stdin: 'ignore',
    stdout: output,
    stderr: output,
    reject: false,
  });
}

/**
 * A containerd of its own, with all it has in one temporary directory, and this project's shim first on its PATH. The
 * directory's name is the containerd namespace too, so that everything a runtime makes for it can be told from what
 * others do on the same machine.
 */
export class Containerd {
  readonly dir: string;
  /** A text that everything made on behalf of this containerd contains. */
  readonly marker: string;
  readonly lingerMs: number;
  /** Runs if it was asked for; containerd speaks to it when it has to. */
  readonly snapshotter: Snapshotter;
  readonly ownNetwork: boolean;
  readonly #layerFs: boolean;
  readonly #options: ContainerdOptions;
  #daemon: ReturnType<typeof spawnContainerd> | undefined;

  private constructor(dir: string, options: ContainerdOptions) {
    const { lingerMs = 1000, layerFs = false, ownNetwork = false } = options;
    this.#options = options;
    this.dir = dir;
    this.ownNetwork = ownNetwork;
    this.snapshotter = new Snapshotter(dir);
    this.#layerFs = layerFs;
    this.marker = path.basename(dir);
    this.lingerMs = lingerMs;
  }

  /** Starts one and imports the images (one of busybox unless others are given). */
  static async start(options: ContainerdOptions = {}): Promise<Containerd> {
    const containerd = new Containerd(await makeTempDir(), options);
    try {
      await writeFile(containerd.configFile, configOf(containerd));
      await containerd.#makeDirectories();
      if (options.layerFs === true) await containerd.snapshotter.launch();
      await containerd.launch();
      await containerd.#importImages(options.images ?? [BUSYBOX_IMAGE]);
    } catch (error) {
      await containerd.stop();
      throw error;
    }
    return containerd;
  }

  get configFile(): string {
    return path.join(this.dir, 'config.toml');
  }

  /** containerd's `state`. */
  get stateDir(): string {
    return path.join(this.dir, 'state');
  }

  get address(): string {
    return path.join(this.dir, 'c.sock');
  }

  get namespace(): string {
    return this.marker;
  }

  /** The run directory of this project's shim. */
  get runDir(): string {
    return path.join(this.dir, 'r');
  }

  /** What ctr needs for images and containers to be where this containerd's are. */
  get snapshotterFlags(): readonly string[] {
    return this.#layerFs ? ['--snapshotter', 'layerfs'] : [];
  }

  get logFile(): string {
    return path.join(this.dir, 'containerd.log');
  }

  /** What `ctr` and whatever else speaks to this containerd needs in its environment. */
  get environment(): Readonly<Record<string, string>> {
    const { shimDir, environment } = this.#options;
    const shims = shimDir === undefined ? DIST_BIN : `${shimDir}:${DIST_BIN}`;
    return {
      CONTAINERD_ADDRESS: this.address,
      CONTAINERD_NAMESPACE: this.namespace,
      LXCRI_LINGER_MS: String(this.lingerMs),
      LXCRI_RUN_DIR: this.runDir,
      PATH: `${shims}:${process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin'}`,
      ...environment,
    };
  }

  /** What puts a command into containerd's network namespace. */
  get networkPrefix(): readonly string[] {
    return this.ownNetwork ? ['nsenter', `--net=/proc/${this.#daemon?.pid ?? 'self'}/ns/net`] : [];
  }

  /** Where to look for what a container left behind. */
  get scope(): Scope {
    return {
      marker: this.marker,
      isResident: (command) => command === `containerd --config ${this.configFile}` || this.snapshotter.isPart(command),
      directories: [
        path.join(this.runDir, 'containers'),
        path.join(this.stateDir, 'io.containerd.runtime.v2.task', this.namespace),
        path.join(RUNC_STATE, this.namespace),
      ],
    };
  }

  /** Starts containerd; its containers, if it had any, are still there. Returns once it answers. */
  async launch(): Promise<void> {
    if (this.#daemon !== undefined) throw new Error('this containerd is running already');
    const daemon = spawnContainerd(this);
    this.#daemon = daemon;
    const ended = daemon.then((result) => {
      throw new Error(`containerd ended (${String(result.exitCode ?? result.signal)}); see ${this.logFile}`);
    });
    await Promise.race([ended, eventually(() => this.ctr(['version']).then(() => true))]);
  }

  /** Ends containerd alone; shims and containers go on. */
  async terminate(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    daemon?.kill(signal, undefined);
    await daemon;
  }

  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.terminate(signal);
    await this.launch();
  }

  /** Runs ctr and expects it to succeed. */
  async ctr(args: readonly string[], options: CtrOptions = {}): Promise<CtrResult> {
    const result = await this.tryCtr(args, options);
    if (result.code === 0) return result;
    throw new Error(`ctr ${args.join(' ')} ended with ${result.code}: ${result.stderr}`);
  }

  /** Runs ctr, whatever its exit status. */
  async tryCtr(args: readonly string[], options: CtrOptions = {}): Promise<CtrResult> {
    const result = await this.spawnCtr(args, options);
    if (result.exitCode === undefined) throw new Error(`ctr ${args.join(' ')}: ${result.shortMessage}`);
    return { code: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  }

  /** Starts ctr, for those who want to speak to it while it runs. */
  spawnCtr(args: readonly string[], { stdin = 'ignore', timeoutMs = 60_000, keepOutput = true }: CtrOptions = {}) {
    return execa('ctr', args, {
      env: this.environment,
      stdin,
      timeout: timeoutMs,
      reject: false,
      buffer: keepOutput,
      stripFinalNewline: false,
    });
  }

  /**
   * Removes every container, ends containerd, and leaves nothing behind.
   * @returns what had to be ended by force, one line each.
   */
  async stop(): Promise<string[]> {
    if (this.#daemon !== undefined) await this.#removeContainers();
    await this.terminate();
    await this.snapshotter.terminate();
    await this.#unmountAll();
    const { dir, marker, lingerMs } = this;
    return cleanUp({ dir, marker, lingerMs, cgroups: [`/${this.namespace}`] });
  }

  /** Directories that are file systems of their own, with their mount options. */
  get #mounts(): ReadonlyMap<string, string> {
    const { runDirMount, stateInMemory = false } = this.#options;
    const mounts = new Map<string, string>();
    if (stateInMemory) for (const directory of [this.runDir, this.stateDir]) mounts.set(directory, 'mode=711');
    if (runDirMount !== undefined) mounts.set(this.runDir, runDirMount);
    return mounts;
  }

  async #makeDirectories(): Promise<void> {
    // As containerd makes its own.
    for (const directory of [this.runDir, this.stateDir]) await mkdir(directory, { mode: 0o711 });
    for (const [directory, options] of this.#mounts) {
      await execa('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { timeout: 10_000 });
    }
  }

  /** Once nobody has anything open in it; what stays busy, cleanUp finds and tells. */
  async #unmountAll(): Promise<void> {
    for (const directory of this.#mounts.keys()) {
      const unmount = () => execa('umount', [directory], { timeout: 10_000 }).then(() => true);
      await eventually(unmount, { timeoutMs: this.lingerMs + 5000 }).catch(() => undefined);
    }
  }

  async #removeContainers(): Promise<void> {
    const { stdout } = await this.tryCtr(['containers', 'ls', '--quiet']);
    for (const id of stdout.split('\n').filter((line) => line !== '')) {
      await this.tryCtr(['tasks', 'rm', '--force', id]);
      await this.tryCtr(['containers', 'rm', id]);
    }
  }

  async #importImages(images: readonly Image[]): Promise<void> {
    const archive = path.join(this.dir, 'images.tar');
    await writeImageArchive(archive, images);
    await this.ctr(['images', 'import', ...this.snapshotterFlags, archive]);
  }
}
