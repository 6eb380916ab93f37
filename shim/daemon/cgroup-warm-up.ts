import { watch, type FSWatcher } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CgroupHierarchy } from '../backends/cgroup-hierarchies.ts';

/**
 * Moving a process into a cgroup takes a lock that, when it was not used for a while, first waits for an RCU grace
 * period: 8 to 15 ms (kernel/cgroup, cgroup_threadgroup_rwsem). liblxc does it in every create, and would wait there.
 *
 * The launcher touches the daemon's lock file at each `start`, some milliseconds before containerd comes with the
 * Create. At that moment a move that changes nothing, of this process into the cgroup where it is, takes the waiting
 * upon itself, so that it runs beside the launcher, containerd and the reading of the bundle.
 */
export class CgroupWarmUp {
  readonly #watcher: FSWatcher;
  readonly #hierarchies: readonly CgroupHierarchy[];
  #busy = false;

  constructor(lockFile: string, hierarchies: readonly CgroupHierarchy[]) {
    this.#hierarchies = hierarchies;
    this.#watcher = watch(lockFile, { persistent: false }, () => {
      void this.#run();
    });
    // Without it containers only start a little later.
    this.#watcher.on('error', () => undefined);
  }

  close(): void {
    this.#watcher.close();
  }

  async #run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const file = await ownProcsFile(this.#hierarchies);
    if (file !== undefined) await writeFile(file, String(process.pid)).catch(() => undefined);
    this.#busy = false;
  }
}

/** The cgroup.procs of the cgroup in which this process is, in the hierarchy that every host has: v2, else any. */
async function ownProcsFile(hierarchies: readonly CgroupHierarchy[]): Promise<string | undefined> {
  const hierarchy = hierarchies.at(-1);
  if (hierarchy === undefined) return undefined;
  const lines = (await readFile('/proc/self/cgroup', 'utf8')).split('\n').map((line) => line.split(':'));
  const line = lines.find(([, controllers]) =>
    hierarchy.version === 2 ? controllers === '' : controllers === hierarchy.controllers.join(','),
  );
  const own = line?.slice(2).join(':');
  return own === undefined ? undefined : path.join(hierarchy.mountPoint, own, 'cgroup.procs');
}
