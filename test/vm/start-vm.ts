import { rm } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../common/errors.ts';
import { imageDirectory } from './cache/image-cache.ts';
import { chooseAccelerator } from './machine/accelerator.ts';
import { bootMachine } from './machine/boot.ts';
import { Channel } from './machine/channel.ts';
import type { Setting } from './machine/machine-arguments.ts';
import type { Qemu } from './machine/qemu.ts';
import { restoreMachine } from './machine/restore.ts';
import { makeRunDirectory } from './machine/run-directory.ts';
import { discardState, savedState } from './machine/saved-state.ts';
import { stderrProgress, type Progress } from './progress.ts';
import { Vm } from './vm.ts';

/** This checkout, on this host. */
const TREE = path.resolve(import.meta.dirname, '../..');
const CONNECT_MS = 60_000;

export interface StartOptions {
  /** Boot, instead of going on from the saved state of a machine that has booted. */
  readonly boot?: boolean;
  readonly progress?: Progress;
}

/** A machine of one's own. It ends with `stop`, or with this process. */
export class OwnVm extends Vm {
  readonly runDirectory: string;
  readonly #qemu: Qemu;

  constructor(qemu: Qemu, channel: Channel, runDirectory: string) {
    super(channel);
    this.#qemu = qemu;
    this.runDirectory = runDirectory;
  }

  /** When the machine ends by itself: what QEMU says to that. */
  get ended(): Promise<string> {
    return this.#qemu.ended;
  }

  /** Switches it off and removes what it had. */
  async stop(): Promise<void> {
    await this.#qemu.kill();
    await rm(this.runDirectory, { recursive: true, force: true });
  }
}

/**
 * Starts a machine of its own, with this checkout read-only (checkout.ts says where) and two empty disks,
 * /dev/disk/by-id/virtio-scratch and virtio-scratch2. The first start builds the image.
 */
export async function startVm({ boot = false, progress = stderrProgress() }: StartOptions = {}): Promise<OwnVm> {
  const image = await imageDirectory(progress);
  const accelerator = await chooseAccelerator(image, progress);
  const runDirectory = await makeRunDirectory();
  const setting = { image, accelerator, runDirectory, tree: TREE };
  try {
    return boot ? await startBooted(setting) : await startRestored(setting, progress);
  } catch (error) {
    await rm(runDirectory, { recursive: true, force: true });
    throw error;
  }
}

/** A state that does not work is made anew the next time. */
async function startRestored(setting: Setting, progress: Progress): Promise<OwnVm> {
  const state = await savedState(setting.image, setting.accelerator, progress);
  try {
    return await welcome(await restoreMachine(setting, state), setting);
  } catch (error) {
    const reason = messageOf(error);
    progress(`the saved state does not work, so the machine boots: ${reason}`);
    await discardState(state);
    return startBooted(setting);
  }
}

async function startBooted(setting: Setting): Promise<OwnVm> {
  const within = (name: string) => path.join(setting.runDirectory, name);
  const memory = { file: within('memory'), shared: true };
  return welcome(await bootMachine(setting, within('boot.qcow2'), memory), setting);
}

/** Connects, sets the clock and mounts the tree. */
async function welcome(qemu: Qemu, { image, runDirectory }: Setting): Promise<OwnVm> {
  try {
    const channel = new Channel(runDirectory);
    await channel.connect(image, await qemu.sshPort(), CONNECT_MS);
    const vm = new OwnVm(qemu, channel, runDirectory);
    await vm.succeed(['vm-welcome', (Date.now() / 1000).toFixed(3)], { cwd: '/' });
    return vm;
  } catch (error) {
    const console = await qemu.consoleTail();
    await qemu.kill();
    const reason = messageOf(error);
    throw new Error(`the VM does not answer: ${reason}\nIts console at the end:\n${console}`, { cause: error });
  }
}
