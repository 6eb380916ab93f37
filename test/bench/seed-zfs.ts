import { CHECKOUT } from '../vm/checkout.ts';
import type { Vm } from '../vm/vm.ts';
import { DIR, ZFS } from './contenders.ts';

const WORKER = `${CHECKOUT}/dist/lib/proxmox-lxcri/layerfs-worker`;
/** Far more than it takes. */
const LIMIT_MS = 15 * 60_000;

/**
 * Thousands of snapshots by containerd's zfs snapshotter take an hour without KVM. So another program leaves the same
 * records and the same clones (../conformance/snapshotter/go/seed), and the one that measures finds them there. Their
 * containerd must not run meanwhile.
 *
 * @throws Error if it fails
 */
export async function seedZfs(vm: Vm, count: number): Promise<void> {
  const options = {
    root: `${DIR}/zfs/root`,
    dataset: ZFS.dataset?.name ?? '',
    worker: WORKER,
    namespace: 'bench',
    parent: 'zfs-base',
    prefix: 'zfs-seed-',
    count: String(count),
  };
  const argv = Object.entries(options).flatMap(([name, value]) => [`-${name}`, value]);
  await vm.succeed([`${DIR}/seed`, ...argv], { timeoutMs: LIMIT_MS });
}
