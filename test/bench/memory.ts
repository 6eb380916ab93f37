import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';
import type { Containerd } from '../support/containerd.ts';
import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import { processesOf } from '../support/processes.ts';

export interface Memory {
  readonly containers: number;
  /** KiB by the name of the program, of all its processes. */
  readonly programs: Readonly<Record<string, { processes: number; pssKiB: number }>>;
  readonly totalKiB: number;
}

const AT_ONCE = 5;
/** Until collectors and allocators have come to rest. */
const SETTLE_MS = 10_000;

/** What a runtime keeps in memory for idle containers: all its processes, but not the payloads. */
export async function measureMemory(containerd: Containerd, runtime: string, containers: number): Promise<Memory> {
  const ids = Array.from({ length: containers }, (_, index) => `idle-${index}`);
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const batch = ids.slice(start, start + AT_ONCE);
    await Promise.all(batch.map((id) => startIdle(containerd, runtime, id)));
  }
  await sleep(SETTLE_MS);
  const memory = await readMemory(containerd, containers);
  for (const id of ids) {
    await containerd.tryCtr(['tasks', 'rm', '--force', id]);
    await containerd.ctr(['containers', 'rm', id]);
  }
  return memory;
}

async function startIdle(containerd: Containerd, runtime: string, id: string): Promise<void> {
  const command = ['sleep', '100000'];
  await containerd.ctr(['run', '--detach', '--null-io', '--runtime', runtime, BUSYBOX_IMAGE.name, id, ...command]);
}

async function readMemory(containerd: Containerd, containers: number): Promise<Memory> {
  const { stdout } = await containerd.ctr(['tasks', 'ls']);
  const payloads = new Set([...stdout.matchAll(/^\S+\s+(\d+)\s+RUNNING/gm)].map(([, pid]) => Number(pid)));
  if (payloads.size !== containers) throw new Error(`only ${payloads.size} of ${containers} containers are running`);
  const programs: Record<string, { processes: number; pssKiB: number }> = {};
  let totalKiB = 0;
  for (const { pid, command } of await processesOf(containerd.marker)) {
    if (payloads.has(pid) || containerd.scope.isResident?.(command) === true) continue;
    const pssKiB = await readPss(pid);
    const sum = (programs[programName(command)] ??= { processes: 0, pssKiB: 0 });
    sum.processes += 1;
    sum.pssKiB += pssKiB;
    totalKiB += pssKiB;
  }
  return { containers, programs, totalKiB };
}

/** The proportional set size: a page that n processes share counts as an nth of it. */
async function readPss(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]);
}

/** `node … shim.cjs` is known by its script. */
function programName(command: string): string {
  const words = command.split(' ');
  const script = words.find((word) => word.endsWith('.cjs'));
  return path.basename(script ?? words[0] ?? command);
}
