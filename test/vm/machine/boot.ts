import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../common/errors.ts';
import { layOutDisks } from './disks.ts';
import type { Memory, Setting } from './machine-arguments.ts';
import { Qemu } from './qemu.ts';

const BOOT_MS = 300_000;

/**
 * An emulated kernel that patches its own code now and then runs into the breakpoint of its other processor (QEMU 7.2,
 * int3 in a static key): seen once in some hundred boots, and gone with the next.
 */
const TRIES = { kvm: 1, tcg: 3 };

/** Boots the image and returns once the machine says that it is up (vm-ready.service). */
export async function bootMachine(setting: Setting, rootDisk: string, memory: Memory): Promise<Qemu> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await bootOnce(setting, rootDisk, memory);
    } catch (error) {
      const panicked = error instanceof Error && error.message.includes('Kernel panic');
      if (!panicked || tries >= TRIES[setting.accelerator]) throw error;
    }
  }
}

async function bootOnce(setting: Setting, rootDisk: string, memory: Memory): Promise<Qemu> {
  await rm(memory.file, { force: true });
  await layOutDisks(setting, rootDisk, { file: path.join(setting.image, 'root.ext4'), format: 'raw' });
  const qemu = await Qemu.start({ ...setting, rootDisk, memory });
  const over = new AbortController();
  try {
    await Promise.race([untilReady(qemu, over.signal), qemu.ended.then(failed)]);
    return qemu;
  } catch (error) {
    await qemu.kill();
    const reason = messageOf(error);
    throw new Error(`the VM did not boot: ${reason}\nIts console at the end:\n${await qemu.consoleTail()}`, {
      cause: error,
    });
  } finally {
    over.abort();
  }
}

async function untilReady(qemu: Qemu, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + BOOT_MS;
  while (!(await readFile(qemu.consoleLog, 'utf8').catch(() => '')).includes('vm-ready')) {
    if (Date.now() > deadline) throw new Error(`it took longer than ${BOOT_MS / 1000} s`);
    await sleep(100, undefined, { signal });
  }
}

function failed(reason: string): never {
  throw new Error(reason);
}
