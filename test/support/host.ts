import { readFile, readdir, rmdir } from 'node:fs/promises';
import path from 'node:path';

export interface Mount {
  readonly point: string;
  readonly type: string;
  /** The line of /proc/self/mountinfo. */
  readonly line: string;
}

/** Octal escapes of mountinfo: space, tab, newline and backslash. */
const unescape = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

export async function listMounts(): Promise<Mount[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    return { point: unescape(before.split(' ')[4] ?? ''), type: after.split(' ')[0] ?? '', line };
  });
}

/** The roots of every cgroup hierarchy, v1 and v2. */
export async function cgroupHierarchies(): Promise<string[]> {
  const mounts = await listMounts();
  return mounts.filter(({ type }) => type === 'cgroup' || type === 'cgroup2').map(({ point }) => point);
}

interface Walk {
  readonly only?: 'directories';
  /** How many levels down; all of them unless told. */
  readonly depth?: number;
}

/** The entries below `dir`, as paths; empty where it does not exist. A directory that vanishes meanwhile is skipped. */
export async function walk(dir: string, options: Walk = {}): Promise<string[]> {
  const { only, depth = Infinity } = options;
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const wanted = only === undefined ? entries : entries.filter((entry) => entry.isDirectory());
  const found = wanted.map(async (entry) => {
    const file = path.join(dir, entry.name);
    const deeper = entry.isDirectory() && depth > 1;
    return [file, ...(deeper ? await walk(file, { ...options, depth: depth - 1 }) : [])];
  });
  return (await Promise.all(found)).flat();
}

/** All cgroups of all hierarchies, as directories. */
export async function listCgroups(): Promise<string[]> {
  const found = await Promise.all((await cgroupHierarchies()).map((root) => walk(root, { only: 'directories' })));
  return found.flat();
}

/** Removes the cgroup `name` (a path from the root, without wildcards) from every hierarchy, children first. */
export async function removeCgroup(name: string): Promise<void> {
  if (!/^\/[^/.]/.test(name)) throw new Error(`not a cgroup below the root: ${name}`);
  for (const root of await cgroupHierarchies()) {
    const dir = path.join(root, name);
    for (const cgroup of [dir, ...(await walk(dir, { only: 'directories' }))].reverse()) {
      await rmdir(cgroup).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      });
    }
  }
}

/** Reads a cgroup's file, by its name in v1 (with its hierarchy, `cpu/cpu.shares`) or else in v2 (`cpu.weight`). */
export async function readCgroupFile(name: string, { v1, v2 }: { v1: string; v2: string }): Promise<string> {
  const roots = await cgroupHierarchies();
  const hierarchy = roots.find((root) => path.basename(root).split(',').includes(path.dirname(v1)));
  const file =
    hierarchy === undefined ? path.join(roots[0] ?? '', name, v2) : path.join(hierarchy, name, path.basename(v1));
  return (await readFile(file, 'utf8')).trim();
}
