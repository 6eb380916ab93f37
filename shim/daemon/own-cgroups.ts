import { rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Leaves and removes the cgroups that the launcher made for the daemon, and those of the monitors above
 * (shim/native/launcher/cgroup-join.h). Another build's daemon may still be there: then they stay.
 */
export async function leaveOwnCgroups(list: string): Promise<void> {
  for (const directory of list.split(':').filter(Boolean)) {
    const parent = path.dirname(directory);
    await writeFile(path.join(path.dirname(parent), 'cgroup.procs'), String(process.pid)).catch(() => undefined);
    for (const each of [directory, path.join(parent, 'monitor', 'lxc.pivot'), path.join(parent, 'monitor'), parent]) {
      await rmdir(each).catch(() => undefined);
    }
  }
}
