import { release } from 'node:os';
import { readTextIfExists } from '../../../common/files.ts';
import { isAtLeast } from '../id-map.ts';

/** @returns why mounts of this host's ZFS cannot map ids; undefined: they can. */
export async function idMapRefusal(): Promise<string | undefined> {
  const kernel = release();
  if (!isAtLeast(kernel, 5, 12)) return `id-mapped mounts need Linux 5.12, and this is ${kernel}`;
  const zfs = ((await readTextIfExists('/sys/module/zfs/version')) ?? '0').trim();
  return isAtLeast(zfs, 2, 2) ? undefined : `id-mapped mounts need OpenZFS 2.2, and this is ${zfs}`;
}
