import path from 'node:path';
import { eventually, type Patience } from './eventually.ts';
import { listCgroups, listMounts, walk } from './host.ts';
import { processesOf } from './processes.ts';
import { TEMP_ROOT } from './temp-dir.ts';

export interface Scope {
  /** A text unique to the test bed; its directories, namespaces and container ids contain it. */
  readonly marker: string;
  /** Whether a command line is of something that is there all the time, and may be restarted. */
  readonly isResident?: (command: string) => boolean;
  /** Directories where each container has an entry, or a namespace each of whose entries is a container's. */
  readonly directories: readonly string[];
}

/** Where ctr and containerd's Go code put the FIFOs of stdio unless told otherwise. */
const FIFO_DIR = '/run/containerd/fifo';

/** A lasting process of a test bed, named without what changes from run to run. */
const processLine = ({ pid, state, command }: { pid: number; state: string; command: string }) =>
  `process ${pid} ${state === 'Z' ? '(zombie) ' : ''}${command}`;

/**
 * What the host has at this moment on behalf of a test bed: processes, mounts, cgroups of every hierarchy, files and
 * FIFOs, one line each. Mounts outside temporary directories count whoever made them: a runtime that mounts over the
 * host's /dev or /sys must not pass. Others may use this machine at the same time, so nothing else does.
 */
export async function traces({ marker, directories, isResident = () => false }: Scope): Promise<Set<string>> {
  const [processes, mounts, cgroups, fifos, files] = await Promise.all([
    processesOf(marker),
    listMounts(),
    listCgroups(),
    walk(FIFO_DIR),
    Promise.all(directories.map((dir) => walk(dir, { depth: 2 }))),
  ]);
  const isOurs = (text: string) => text.includes(marker);
  // The namespace's own cgroup and directories are no container's; runc keeps them, too.
  const isContainers = (name: string) => path.basename(name) !== marker;
  const isHosts = (point: string) => !point.startsWith(`${TEMP_ROOT}/`);
  return new Set([
    ...processes.filter(({ command }) => !isResident(command)).map(processLine),
    ...mounts.filter(({ point, line }) => isOurs(line) || isHosts(point)).map(({ line }) => `mount ${line}`),
    ...cgroups
      .filter(isOurs)
      .filter(isContainers)
      .map((cgroup) => `cgroup ${cgroup}`),
    ...fifos.filter(isOurs).map((fifo) => `fifo ${fifo}`),
    ...files
      .flat()
      .filter(isContainers)
      .map((file) => `file ${file}`),
  ]);
}

/** Looks until nothing is left any more, or the patience is used up. @returns what is left all the same. */
export async function untilNothingIsLeft(look: () => Promise<string[]>, patience?: Patience): Promise<string[]> {
  let left: string[] = [];
  await eventually(async () => {
    left = await look();
    return left.length === 0 ? true : undefined;
  }, patience).catch(() => undefined);
  return left;
}

/** What is in `after` and was not in `before`. */
export function leftovers(before: ReadonlySet<string>, after: ReadonlySet<string>): string[] {
  return [...after].filter((trace) => !before.has(trace)).sort();
}
