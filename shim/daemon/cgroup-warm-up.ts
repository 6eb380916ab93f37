import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CgroupHierarchy } from '../cgroups/hierarchies.ts';

/**
 * Moving a process into a cgroup of v2 takes a lock that, when it was not used for a while, first waits for an RCU grace
 * period: 8 to 15 ms (kernel/cgroup, cgroup_threadgroup_rwsem). Each container's init is moved so.
 *
 * The keeper announces each `start`, just before containerd comes with the Create. At that moment a move that changes
 * nothing, of this process into the cgroup where it is, takes the waiting upon itself, so that it runs beside the
 * reading of the bundle and the start of liblxc. In v1 there is no such wait to be saved
 * (shim/native/monitor/cgroup-setup.c).
 */
export class CgroupWarmUp {
  readonly #procsFile: string;
  #busy = false;

  private constructor(procsFile: string) {
    this.#procsFile = procsFile;
  }

  /** Undefined where it would serve nobody. */
  static async find(hierarchies: readonly CgroupHierarchy[]): Promise<CgroupWarmUp | undefined> {
    const [unified, ...others] = hierarchies;
    if (unified?.version !== 2 || others.length > 0) return undefined;
    const own = /^0::(.*)$/m.exec(await readFile('/proc/self/cgroup', 'utf8'))?.[1];
    if (own === undefined) return undefined;
    return new CgroupWarmUp(path.join(unified.mountPoint, own, 'cgroup.procs'));
  }

  /** Without it containers only start a little later. */
  async run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    await writeFile(this.#procsFile, String(process.pid)).catch(() => undefined);
    this.#busy = false;
  }
}
