import { CHECKOUT_BIN } from '../vm/checkout.ts';
import { containerdConfig, LAYERFS_SOCKET } from '../vm/containerd-config.ts';
import type { Vm } from '../vm/vm.ts';

/** Each has a containerd of its own; `dataset` is mounted where that, or its snapshotter, has its files. */
export interface Contender {
  readonly name: string;
  readonly title: string;
  readonly snapshotter: string;
  readonly dataset?: { readonly name: string; readonly at: string };
}

export const DIR = '/var/bench';
export const POOL = 'tank';
export const OURS = 'layerfs';
const READY_MS = 120_000;

export const ZFS: Contender = {
  name: 'zfs',
  title: 'zfs',
  snapshotter: 'zfs',
  dataset: { name: `${POOL}/zfs`, at: `${DIR}/zfs/root/io.containerd.snapshotter.v1.zfs` },
};

export const CONTENDERS: readonly Contender[] = [
  { name: OURS, title: 'layerfs', snapshotter: 'layerfs' },
  ZFS,
  { name: 'overlayfs-ext4', title: 'overlayfs on ext4', snapshotter: 'overlayfs' },
  {
    name: 'overlayfs-zfs',
    title: 'overlayfs on ZFS',
    snapshotter: 'overlayfs',
    dataset: { name: `${POOL}/overlay`, at: `${DIR}/overlayfs-zfs/root` },
  },
];

/** @throws Error unless all of these are contenders; ours is always among those chosen. */
export function chooseContenders(names: readonly string[]): readonly Contender[] {
  const unknown = names.find((name) => CONTENDERS.every((each) => each.name !== name));
  if (unknown !== undefined) {
    throw new Error(`--only: ${unknown} is none of ${CONTENDERS.map(({ name }) => name).join(', ')}`);
  }
  return names.length === 0 ? CONTENDERS : CONTENDERS.filter(({ name }) => name === OURS || names.includes(name));
}

export const waitFor = (vm: Vm, condition: string) =>
  vm.succeed(['sh', '-c', `until ${condition}; do sleep 0.2; done`], { timeoutMs: READY_MS });

/** Something that runs in the machine until it is stopped, or the machine is. */
export interface Service {
  stop(): Promise<void>;
}

/** Its output is in a file of that name, for whoever asks why something failed. */
export function startService(vm: Vm, name: string, argv: readonly string[]): Service {
  const log = `${DIR}/${name}.log`;
  const { child, kill } = vm.spawn(['sh', '-c', 'log=$1; shift; exec "$@" >>"$log" 2>&1', 'sh', log, ...argv]);
  const ended = child.catch(() => undefined);
  return {
    async stop() {
      await kill('SIGTERM');
      await ended;
    },
  };
}

export const socketOf = ({ name }: Contender) => `${DIR}/${name}/c.sock`;

export const asArgument = (each: Contender) => ['-contender', `${each.name}=${socketOf(each)},${each.snapshotter}`];

/** Makes its dataset, if it has one. */
export async function makeHome(vm: Vm, { name, dataset }: Contender): Promise<void> {
  if (dataset !== undefined) {
    await vm.succeed(['zfs', 'create', '-o', `mountpoint=${dataset.at}`, '-o', 'compression=lz4', dataset.name]);
  }
  await vm.succeed(['mkdir', '-p', `${DIR}/${name}/root`]);
}

export async function startContainerd(vm: Vm, contender: Contender): Promise<Service> {
  const home = `${DIR}/${contender.name}`;
  const places = { root: `${home}/root`, state: `/run/bench-${contender.name}`, address: socketOf(contender) };
  await vm.succeed(['tee', `${home}/config.toml`], { input: containerdConfig(places) });
  const service = startService(vm, contender.name, ['containerd', '--config', `${home}/config.toml`]);
  await waitFor(vm, `ctr --address ${socketOf(contender)} version >/dev/null 2>&1`);
  return service;
}

export async function startLayerFs(vm: Vm): Promise<void> {
  startService(vm, 'layerfs-snapshotter', [`${CHECKOUT_BIN}/layerfs-snapshotter`, '--dataset', `${POOL}/layerfs`]);
  await waitFor(vm, `test -S ${LAYERFS_SOCKET}`);
}
