import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { readTextIfExists } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import type { RunPaths } from '../daemon/paths.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * Forgets what was written before the host's last boot: none of its processes, mounts and cgroups is there any more.
 * Only a run directory on a disk has any; on a tmpfs, as /run usually is, it went with the boot.
 */
export async function forgetEarlierBoot(paths: RunPaths, logger: Logger): Promise<void> {
  const file = path.join(paths.runDirectory, 'boot-id');
  const [current, known] = await Promise.all([readFile(BOOT_ID, 'utf8'), readTextIfExists(file)]);
  if (current === known) return;
  if (known !== undefined) {
    logger.info('the host has booted since: what was known of its containers is removed');
    await Promise.all(
      [paths.containers, paths.events, paths.answers].map((each) => rm(each, { recursive: true, force: true })),
    );
  }
  await writeFileAtomic(file, current);
}
