import path from 'node:path';
import { layOutDisks } from './disks.ts';
import type { Setting } from './machine-arguments.ts';
import { finishMigration, leaveOutSharedMemory } from './migration.ts';
import { Qemu } from './qemu.ts';
import type { SavedState } from './saved-state.ts';

/** Continues a saved machine, as often as one likes: the state itself stays as it is. */
export async function restoreMachine(setting: Setting, state: SavedState): Promise<Qemu> {
  const rootDisk = path.join(setting.runDirectory, 'disk.qcow2');
  await layOutDisks(setting, rootDisk, { file: state.disk, format: 'qcow2' });
  const memory = { file: state.memory, shared: false };
  const qemu = await Qemu.start({ ...setting, rootDisk, memory }, ['-incoming', 'defer']);
  try {
    await leaveOutSharedMemory(qemu.qmp);
    // QEMU's working directory is the state's.
    await qemu.qmp.execute('migrate-incoming', { uri: 'exec:cat devices' });
    await finishMigration(qemu.qmp);
    // It was stopped when it was saved.
    await qemu.qmp.execute('cont');
    return qemu;
  } catch (error) {
    await qemu.kill();
    throw error;
  }
}
