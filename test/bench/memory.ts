import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';
import type { Containerd } from '../support/containerd.ts';
import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import { proportionalMemory } from '../support/process-usage.ts';
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
  const ids = await startIdle(containerd, runtime, { from: 0, to: containers });
  await settle();
  const memory = await readMemory(containerd, containers);
  await removeIdle(containerd, ids);
  return memory;
}

export const settle = () => sleep(SETTLE_MS);

/** Starts containers that do nothing, a few at a time. @returns their ids. */
export async function startIdle(
  containerd: Containerd,
  runtime: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<string[]> {
  const ids = Array.from({ length: to - from }, (_, index) => `idle-${from + index}`);
  await inBatches(ids, (id) => startOne(containerd, runtime, id));
  return ids;
}

export async function removeIdle(containerd: Containerd, ids: readonly string[]): Promise<void> {
  await inBatches(ids, async (id) => {
    await containerd.tryCtr(['tasks', 'rm', '--force', id]);
    await containerd.ctr(['containers', 'rm', id]);
  });
}

async function inBatches(ids: readonly string[], action: (id: string) => Promise<void>): Promise<void> {
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    await Promise.all(ids.slice(start, start + AT_ONCE).map(action));
  }
}

async function startOne(containerd: Containerd, runtime: string, id: string): Promise<void> {
  const command = ['sleep', '100000'];
  await containerd.ctr(['run', '--detach', '--null-io', '--runtime', runtime, BUSYBOX_IMAGE.name, id, ...command]);
}

/**
 * Looks at the processes before it asks for the payloads: to be asked may wake a daemon.
 * @throws Error unless just so many containers run.
 */
export async function readMemory(containerd: Containerd, containers: number): Promise<Memory> {
  const isResident = (command: string) => containerd.scope.isResident?.(command) === true;
  const processes = (await processesOf(containerd.marker)).filter(({ command }) => !isResident(command));
  const sizes = await Promise.all(
    processes.map(async ({ pid, command }) => ({ pid, command, kib: await proportionalMemory(pid) })),
  );
  const { stdout } = await containerd.ctr(['tasks', 'ls']);
  const payloads = new Set([...stdout.matchAll(/^\S+\s+(\d+)\s+RUNNING/gm)].map(([, pid]) => Number(pid)));
  if (payloads.size !== containers) throw new Error(`only ${payloads.size} of ${containers} containers are running`);
  const programs: Record<string, { processes: number; pssKiB: number }> = {};
  for (const { command, kib } of sizes.filter(({ pid }) => !payloads.has(pid))) {
    const sum = (programs[programName(command)] ??= { processes: 0, pssKiB: 0 });
    sum.processes += 1;
    sum.pssKiB += kib;
  }
  const totalKiB = Object.values(programs).reduce((total, { pssKiB }) => total + pssKiB, 0);
  return { containers, programs, totalKiB };
}

/** `node … shim.cjs` is known by its script. */
export function programName(command: string): string {
  const words = command.split(' ');
  const script = words.find((word) => word.endsWith('.cjs'));
  return path.basename(script ?? words[0] ?? command);
}
