import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { Containerd } from './containerd.ts';

const MODULE = path.resolve(import.meta.dirname, '../nerdctl');
const BUILD_TIMEOUT_MS = 10 * 60_000;
/** Where Debian has CNI's plugins, and where they note which addresses are taken. */
const CNI_PLUGINS = '/usr/lib/cni';
const CNI_STATE = '/var/lib/cni';

export interface NerdctlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** nerdctl, built from its module, for the containerd of a test, with a network of its own. */
export class Nerdctl {
  readonly #program: string;
  readonly #containerd: Containerd;

  private constructor(program: string, containerd: Containerd) {
    this.#program = program;
    this.#containerd = containerd;
  }

  /** Builds it, which takes a minute the first time; Go caches it. Then makes the network. */
  static async build(containerd: Containerd): Promise<Nerdctl> {
    const program = path.join(containerd.dir, 'bin', 'nerdctl');
    await mkdir(path.dirname(program));
    await execa('go', ['build', '-o', program, 'github.com/containerd/nerdctl/cmd/nerdctl'], {
      cwd: MODULE,
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/local/go/bin`, CGO_ENABLED: '0' },
      timeout: BUILD_TIMEOUT_MS,
    });
    const nerdctl = new Nerdctl(program, containerd);
    await nerdctl.inNetwork(['ip', 'link', 'set', 'lo', 'up']);
    await nerdctl.run(['network', 'create', nerdctl.network]);
    return nerdctl;
  }

  /** No other test has one of this name. */
  get network(): string {
    return this.#containerd.marker;
  }

  /** What runs nerdctl, with its flags for this containerd. */
  command(args: readonly string[]): readonly string[] {
    const { address, namespace, dir, networkPrefix } = this.#containerd;
    return [
      ...networkPrefix,
      this.#program,
      ...['--address', address, '--namespace', namespace, '--data-root', path.join(dir, 'nerdctl')],
      ...['--cni-path', CNI_PLUGINS, '--cni-netconfpath', path.join(dir, 'cni'), '--snapshotter', 'overlayfs'],
      ...args,
    ];
  }

  async try(args: readonly string[], input?: string): Promise<NerdctlResult> {
    return this.#execute(this.command(args), input);
  }

  /** @returns stdout. @throws Error if it fails. */
  async run(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(args);
    if (code !== 0) throw new Error(`nerdctl ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** A program in the network namespace where ports are published. */
  async inNetwork(command: readonly string[]): Promise<NerdctlResult> {
    return this.#execute([...this.#containerd.networkPrefix, ...command]);
  }

  /** Removes all containers, and what the network left on this host. */
  async stop(): Promise<void> {
    const ids = (await this.run(['ps', '--all', '--quiet'])).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await this.run(['rm', '--force', ...ids]);
    await this.run(['network', 'rm', this.network]);
    await rm(path.join(CNI_STATE, 'networks', this.network), { recursive: true, force: true });
  }

  async #execute([program = '', ...args]: readonly string[], input?: string): Promise<NerdctlResult> {
    const result = await execa(program, args, {
      env: this.#containerd.environment,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
      timeout: 60_000,
      reject: false,
    });
    if (result.exitCode === undefined) throw new Error(result.shortMessage);
    return { code: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  }
}
