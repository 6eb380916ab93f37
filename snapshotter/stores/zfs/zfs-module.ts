import { readTextIfExists } from '../../../common/files.ts';

/** Whether the kernel has ZFS; to ask zfs or zpool would load the module, or complain of its lack. */
export const isModuleLoaded = async (): Promise<boolean> =>
  (await readTextIfExists('/sys/module/zfs/version')) !== undefined;
