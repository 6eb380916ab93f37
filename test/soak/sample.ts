import { programName } from '../bench/memory.ts';
import type { Containerd } from '../support/containerd.ts';
import { listCgroups, listMounts, walk } from '../support/host.ts';
import { anonymousMemory, countDescriptors } from '../support/process-usage.ts';
import { processesOf } from '../support/processes.ts';

/** What there is after so many cycles, by the name of a metric. */
export interface Sample {
  readonly cycles: number;
  readonly atMs: number;
  /** Which process the daemon was. */
  readonly daemon: number;
  readonly values: Readonly<Record<string, number>>;
}

/** How much a metric may grow in 1,000 cycles. */
export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly bound: number;
}

const PROGRAMS = {
  daemon: /^shim\.cjs$/,
  keeper: /keeper/,
  monitors: /^lxcri-(?:monitor|lxc)$/,
} as const;

/** A collector of garbage decides when a daemon's memory is given back; the others' has no reason to move at all. */
export const METRICS: readonly Metric[] = [
  { name: 'memory of the daemon', unit: 'KiB', bound: 100 },
  { name: 'memory of the keeper', unit: 'KiB', bound: 8 },
  { name: 'memory of the monitors', unit: 'KiB', bound: 16 },
  { name: 'descriptors of the daemon', unit: '', bound: 0.1 },
  { name: 'descriptors of the keeper', unit: '', bound: 0.1 },
  { name: 'descriptors of the monitors', unit: '', bound: 0.1 },
  { name: 'files in the run directory', unit: '', bound: 0.1 },
  { name: 'cgroups', unit: '', bound: 0.1 },
  { name: 'mounts', unit: '', bound: 0.1 },
  { name: 'processes', unit: '', bound: 0.1 },
];

/** Takes one while nothing happens. */
export async function takeSample(containerd: Containerd, cycles: number, atMs: number): Promise<Sample> {
  const { marker, runDir, scope } = containerd;
  const ours = (text: string) => text.includes(marker);
  const [all, cgroups, mounts, files] = await Promise.all([
    processesOf(marker),
    listCgroups(),
    listMounts(),
    walk(runDir),
  ]);
  const processes = all.filter(({ command }) => scope.isResident?.(command) !== true);
  const values: Record<string, number> = {
    cgroups: cgroups.filter(ours).length,
    mounts: mounts.filter(({ line }) => ours(line)).length,
    'files in the run directory': files.length,
    processes: processes.length,
  };
  let daemon = 0;
  for (const [name, pattern] of Object.entries(PROGRAMS)) {
    const pids = processes.filter(({ command }) => pattern.test(programName(command))).map(({ pid }) => pid);
    if (name === 'daemon') daemon = pids[0] ?? 0;
    values[`memory of the ${name}`] = total(await Promise.all(pids.map(anonymousMemory)));
    values[`descriptors of the ${name}`] = total(await Promise.all(pids.map(countDescriptors)));
  }
  return { cycles, atMs, daemon, values };
}

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
