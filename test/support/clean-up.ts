import { rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { eventually } from './eventually.ts';
import { listMounts, removeCgroup } from './host.ts';
import { isAlive, processesOf, type ProcessInfo } from './processes.ts';

/** Where runc's shim keeps its containers, by namespace. */
export const RUNC_STATE = '/run/containerd/runc';

export interface TestBed {
  readonly dir: string;
  readonly marker: string;
  /** Cgroups by their path from the root. */
  readonly cgroups: readonly string[];
  /** How long processes may go on for good reasons, such as a daemon that lingers. */
  readonly lingerMs: number;
}

/**
 * Waits for what a test bed started to end by itself, then ends and removes what is left, by pid and by exact path.
 * @returns what had to be ended by force, one line each: empty after a run as it should be.
 */
export async function cleanUp(bed: TestBed): Promise<string[]> {
  const forced = [...(await endProcesses(bed)), ...(await unmountAll(bed))];
  for (const cgroup of bed.cgroups) await eventually(() => removeCgroup(cgroup).then(() => true));
  // runc's state: where it lies is not for its shim's caller to say.
  for (const dir of [bed.dir, path.join(RUNC_STATE, bed.marker)]) await rm(dir, { recursive: true, force: true });
  return forced;
}

async function endProcesses({ marker, lingerMs }: TestBed): Promise<string[]> {
  const allGone = async () => ((await processesOf(marker)).length === 0 ? true : undefined);
  const endedAlone = eventually(allGone, { timeoutMs: lingerMs + 5000, intervalMs: 50 });
  const rest = await endedAlone.then(
    () => [],
    () => processesOf(marker),
  );
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) await signalAll(rest, signal);
  return rest.map(({ pid, command }) => `process ${pid} ${command}`);
}

/** Sends `signal` to those that live and gives them a moment to end. */
async function signalAll(processes: readonly ProcessInfo[], signal: NodeJS.Signals): Promise<void> {
  for (const { pid } of processes) if (await isAlive(pid)) process.kill(pid, signal);
  await eventually(async () => ((await anyAlive(processes)) ? undefined : true), { timeoutMs: 2000 }).catch(
    () => false,
  );
}

async function anyAlive(processes: readonly ProcessInfo[]): Promise<boolean> {
  return (await Promise.all(processes.map(({ pid }) => isAlive(pid)))).includes(true);
}

async function unmountAll({ dir }: TestBed): Promise<string[]> {
  const points = (await listMounts()).map(({ point }) => point).filter((point) => point.startsWith(`${dir}/`));
  for (const point of points.toReversed()) await execa('umount', ['--lazy', point], { timeout: 10_000 });
  return points.map((point) => `mount ${point}`);
}
