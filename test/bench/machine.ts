import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { execa } from 'execa';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly system: string;
  readonly cgroups: string;
  /** Of the minute before: what else the machine had to do. */
  readonly load: number;
  readonly versions: Readonly<Record<string, string>>;
}

async function firstLine(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await execa(program, args, { timeout: 10_000 });
  return stdout.split('\n')[0] ?? '';
}

const versionIn = (text: string) => /\d+\.\d+[\w.~+-]*/.exec(text)?.[0] ?? text;

/** What a figure depends on. */
export async function describeMachine(): Promise<Machine> {
  const osRelease = await readFile('/etc/os-release', 'utf8');
  const mounts = await readFile('/proc/mounts', 'utf8');
  const [containerd, runc, lxc] = await Promise.all([
    firstLine('containerd', '--version'),
    firstLine('runc', '--version'),
    firstLine('lxc-start', '--version'),
  ]);
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    system: /^PRETTY_NAME="?(.*?)"?$/m.exec(osRelease)?.[1] ?? 'unknown',
    cgroups: / cgroup .*\bmemory\b/.test(mounts) ? 'v1' : 'v2',
    load: loadavg()[0] ?? 0,
    versions: {
      containerd: versionIn(containerd),
      runc: versionIn(runc),
      LXC: versionIn(lxc),
      Node: process.versions.node,
    },
  };
}

export function describe({ cpu, cores, memoryGiB, kernel, system, cgroups, versions }: Machine): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${system}, kernel ${kernel}, cgroup ${cgroups}; ${programs.join(', ')}`;
}

/** A load per core above which times say more about the others than about us. */
const IDLE_LOAD = 0.5;

/** A line for a report, or none. */
export function busyNote({ load, cores }: Pick<Machine, 'load' | 'cores'>): string[] {
  return load > IDLE_LOAD * cores ? [`The machine was busy (load ${load.toFixed(1)}): repeat this.`] : [];
}
