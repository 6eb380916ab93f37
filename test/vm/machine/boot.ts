import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { layOutDisks } from './disks.ts';
import type { Memory, Setting } from './machine-arguments.ts';
import { Qemu } from './qemu.ts';

const BOOT_MS = 300_000;

/** Boots the image and returns once the machine says that it is up (vm-ready.service). */
export async function bootMachine(setting: Setting, rootDisk: string, memory: Memory): Promise<Qemu> {
  await layOutDisks(setting, rootDisk, { file: path.join(setting.image, 'root.ext4'), format: 'raw' });
  const qemu = await Qemu.start({ ...setting, rootDisk, memory });
  try {
    await Promise.race([untilReady(qemu), qemu.ended.then(failed)]);
    return qemu;
  } catch (error) {
    await qemu.kill();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the VM did not boot: ${reason}\nIts console at the end:\n${await qemu.consoleTail()}`, {
      cause: error,
    });
  }
}

async function untilReady(qemu: Qemu): Promise<void> {
  const deadline = Date.now() + BOOT_MS;
  while (!(await readFile(qemu.consoleLog, 'utf8').catch(() => '')).includes('vm-ready')) {
    if (Date.now() > deadline) throw new Error(`it took longer than ${BOOT_MS / 1000} s`);
    await sleep(100);
  }
}

function failed(reason: string): never {
  throw new Error(reason);
}
