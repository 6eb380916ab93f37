import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasErrorCode } from '../../common/files.ts';

/** The pids of all processes in a cgroup and below it; none if it does not exist. */
export async function listProcesses(cgroup: string): Promise<number[]> {
  try {
    const [procs, entries] = await Promise.all([
      readFile(path.join(cgroup, 'cgroup.procs'), 'utf8'),
      readdir(cgroup, { withFileTypes: true }),
    ]);
    const below = entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => listProcesses(path.join(cgroup, name)));
    const own = procs.split('\n').filter(Boolean).map(Number);
    return [...own, ...(await Promise.all(below)).flat()];
  } catch (error) {
    // ENODEV: the cgroup was removed while it was read.
    if (hasErrorCode(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}

const SIGKILL = 9;

/**
 * Sends a signal to every process in the container's cgroup. So that none is started meanwhile without it, they are
 * frozen for the time in v1; in v2 that holds for SIGKILL alone, by cgroup.kill.
 */
export async function signalProcesses(cgroups: readonly string[], signal: number): Promise<void> {
  const [first] = cgroups;
  if (first === undefined) return;
  if (signal === SIGKILL && (await writeIfExists(path.join(first, 'cgroup.kill'), '1'))) return;
  const freezer = cgroups.find((cgroup) => cgroup.startsWith('/sys/fs/cgroup/freezer/'));
  if (freezer !== undefined) await writeIfExists(path.join(freezer, 'freezer.state'), 'FROZEN');
  try {
    for (const pid of await listProcesses(first)) sendSignal(pid, signal);
  } finally {
    if (freezer !== undefined) await writeIfExists(path.join(freezer, 'freezer.state'), 'THAWED');
  }
}

function sendSignal(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasErrorCode(error, 'ESRCH')) throw error;
  }
}

async function writeIfExists(file: string, value: string): Promise<boolean> {
  try {
    await writeFile(file, value, { flag: 'r+' });
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENODEV')) return false;
    throw error;
  }
}
