import { createHash } from 'node:crypto';
import { access, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Vm } from '../vm.ts';
import { withLock } from '../cache/lock.ts';
import type { Progress } from '../progress.ts';
import type { Accelerator } from './accelerator.ts';
import { bootMachine } from './boot.ts';
import { Channel } from './channel.ts';
import { machineArguments } from './machine-arguments.ts';
import { finishMigration, leaveOutSharedMemory } from './migration.ts';
import type { Qemu } from './qemu.ts';
import { qemuVersion } from './qemu-program.ts';
import { makeRunDirectory } from './run-directory.ts';

/**
 * A machine that has booted, kept beside the image: `memory`, `disk.qcow2`, and `devices`, which is QEMU's migration
 * stream without the memory. A restored machine maps the memory privately, so that it reads what it touches and no more.
 */
export interface SavedState {
  readonly memory: string;
  readonly disk: string;
}

const SETTLE_MS = 120_000;

/** The state for this image, QEMU and accelerator, made now if there is none yet. */
export async function savedState(image: string, accelerator: Accelerator, progress: Progress): Promise<SavedState> {
  const directory = path.join(image, `state-${await stateKey(accelerator)}`);
  if (!(await isThere(directory))) await makeOnce(image, accelerator, directory, progress);
  return filesIn(directory);
}

export async function discardState({ memory }: SavedState): Promise<void> {
  await rm(path.dirname(memory), { recursive: true, force: true });
}

const filesIn = (directory: string): SavedState => ({
  memory: path.join(directory, 'memory'),
  disk: path.join(directory, 'disk.qcow2'),
});

/** What has to be the same for QEMU to restore it. */
async function stateKey(accelerator: Accelerator): Promise<string> {
  const machine = {
    image: '',
    accelerator,
    tree: '',
    runDirectory: '',
    rootDisk: '',
    memory: { file: '', shared: true },
  };
  const processor = accelerator === 'kvm' ? await hostProcessor() : '';
  const key = JSON.stringify([await qemuVersion(), machineArguments(machine), processor]);
  return createHash('sha256').update(key).digest('hex').slice(0, 16);
}

async function hostProcessor(): Promise<string> {
  const lines = (await readFile('/proc/cpuinfo', 'utf8')).split('\n');
  return ['model name', 'flags'].map((field) => lines.find((line) => line.startsWith(field)) ?? '').join('\n');
}

async function makeOnce(image: string, accelerator: Accelerator, state: string, progress: Progress): Promise<void> {
  const onWait = () => {
    progress('waiting for another process that boots the machine to save it');
  };
  await withLock(path.join(image, 'lock'), onWait, async () => {
    if (await isThere(state)) return;
    await removeStates(image);
    progress('booting the machine, to save it for the next times');
    const unfinished = await mkdtemp(path.join(image, 'unfinished-'));
    await bootAndSave(image, accelerator, filesIn(unfinished));
    await rename(unfinished, state);
    progress('the booted machine is saved');
  });
}

/** Those of another QEMU, and of processes that died on their way. */
async function removeStates(image: string): Promise<void> {
  for (const name of await readdir(image)) {
    if (/^(?:state|unfinished)-/.test(name)) await rm(path.join(image, name), { recursive: true, force: true });
  }
}

async function bootAndSave(image: string, accelerator: Accelerator, state: SavedState): Promise<void> {
  const runDirectory = await makeRunDirectory();
  try {
    const setting = { image, accelerator, runDirectory, tree: runDirectory };
    const qemu = await bootMachine(setting, state.disk, { file: state.memory, shared: true });
    try {
      const channel = new Channel(runDirectory);
      await channel.connect(image, await qemu.sshPort(), SETTLE_MS);
      await settle(channel);
      await save(qemu);
    } finally {
      await qemu.kill();
    }
  } finally {
    await rm(runDirectory, { recursive: true, force: true });
  }
}

/** Lets the machine finish its start, and hang up. */
async function settle(channel: Channel): Promise<void> {
  await new Vm(channel).succeed(['sh', '-c', 'systemctl is-system-running --wait && sync'], {
    cwd: '/',
    timeoutMs: SETTLE_MS,
  });
  await channel.disconnect();
  await sleep(1000);
}

async function save(qemu: Qemu): Promise<void> {
  await qemu.qmp.execute('stop');
  await leaveOutSharedMemory(qemu.qmp);
  // QEMU's working directory is the state's.
  await qemu.qmp.execute('migrate', { uri: 'exec:cat >devices' });
  await finishMigration(qemu.qmp);
  await qemu.quit();
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
