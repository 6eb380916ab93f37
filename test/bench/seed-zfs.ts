import type { Vm } from '../vm/vm.ts';
import { DIR, startContainerd, startService, waitFor, ZFS } from './contenders.ts';

const SOCKET = `${DIR}/seed.sock`;
const WORKER = '/work/dist/lib/proxmox-lxcri/layerfs-worker';

/**
 * Thousands of snapshots by containerd's zfs snapshotter take an hour without KVM. So while `fill` makes them, another
 * program stands in for it, that leaves the same records and the same clones (../conformance/snapshotter/go/seed). Its
 * containerd must not run.
 */
export async function seedZfs(vm: Vm, fill: (vm: Vm) => Promise<unknown>): Promise<void> {
  const { name, at } = ZFS.dataset ?? { name: '', at: '' };
  const arguments_ = [SOCKET, `${at}/metadata.db`, name, WORKER, `${DIR}/seed.lock`];
  const seed = startService(vm, 'seed', [`${DIR}/seed`, ...arguments_]);
  await waitFor(vm, `test -S ${SOCKET}`);
  const containerd = await startContainerd(vm, ZFS, SOCKET);
  try {
    await fill(vm);
  } finally {
    await containerd.stop();
    await seed.stop();
  }
}
