import { rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CgroupHierarchy } from '../cgroups/hierarchies.ts';

/** Below a hierarchy's base: the daemon's own cgroup, and those of the monitors (lxc-backend.ts). */
const OWN_TREE = 'proxmox-lxcri';

/**
 * Leaves and removes the cgroups that the launcher moved the daemon into (shim/native/launcher/cgroup-join.h), and the
 * empty ones above those of monitors. What is in use, by the daemon of another build, stays.
 */
export async function leaveOwnCgroups(joined: string, hierarchies: readonly CgroupHierarchy[]): Promise<void> {
  for (const directory of joined.split(':').filter(Boolean)) {
    const parent = path.dirname(directory);
    await writeFile(path.join(path.dirname(parent), 'cgroup.procs'), String(process.pid)).catch(() => undefined);
    await removeEmpty(directory, parent);
  }
  for (const { base } of hierarchies) {
    await removeEmpty(path.join(base, OWN_TREE, 'monitor'), path.join(base, OWN_TREE));
  }
}

/** Innermost first; one that is not empty, or not there, is left as it is. */
async function removeEmpty(...directories: readonly string[]): Promise<void> {
  for (const directory of directories) await rmdir(directory).catch(() => undefined);
}
