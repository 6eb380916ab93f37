import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasErrorCode } from '../../common/files.ts';
import { directoryOf, type Cgroup } from './cgroup.ts';
import { isFrozen, thaw } from './freezer.ts';

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
 * frozen for the time in v1; in v2 that holds for SIGKILL alone, by cgroup.kill. Paused ones stay so, but for SIGKILL:
 * what is frozen in v1 does not die.
 */
export async function signalProcesses(cgroups: readonly Cgroup[], signal: number): Promise<void> {
  const [first] = cgroups;
  if (first === undefined) return;
  if (signal === SIGKILL && (await writeIfExists(path.join(first.directory, 'cgroup.kill'), '1'))) return;
  const freezer = directoryOf(cgroups, 'freezer');
  const paused = signal !== SIGKILL && (await isFrozen(cgroups));
  if (freezer !== undefined) await writeIfExists(path.join(freezer, 'freezer.state'), 'FROZEN');
  try {
    for (const pid of await listProcesses(first.directory)) sendSignal(pid, signal);
  } finally {
    if (freezer !== undefined && !paused) await thaw(cgroups);
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
