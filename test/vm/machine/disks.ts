import { open } from 'node:fs/promises';
import { exec } from '../../../common/exec.ts';
import { SCRATCH_DISKS, SCRATCH_SIZE, scratchDisk, type Setting } from './machine-arguments.ts';

export interface BackingDisk {
  readonly file: string;
  readonly format: 'raw' | 'qcow2';
}

/** Makes the disks of one machine: the root, which keeps what differs from `backing`, and empty ones for pools. */
export async function layOutDisks(setting: Setting, rootDisk: string, backing: BackingDisk): Promise<void> {
  const overlay = ['create', '-q', '-f', 'qcow2', '-b', backing.file, '-F', backing.format, rootDisk];
  await exec('qemu-img', overlay, { timeoutMs: 30_000 });
  for (const name of SCRATCH_DISKS) {
    const file = await open(scratchDisk(setting.runDirectory, name), 'w');
    await file.truncate(SCRATCH_SIZE);
    await file.close();
  }
}
