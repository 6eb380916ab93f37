import { rm } from 'node:fs/promises';
import path from 'node:path';
import { buildProgram } from '../conformance/snapshotter/build-suite.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { startVm } from '../vm/start-vm.ts';
import type { Vm } from '../vm/vm.ts';
import { describeVm, type VmDescription } from './vm-description.ts';

export interface SnapshotterOptions {
  /** How often each operation is measured, with few snapshots and with many. */
  readonly rounds: number;
  /** How many are many. */
  readonly snapshots: number;
}

/** Milliseconds, by contender and operation. */
export type Times = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

export interface Phase {
  readonly present: number;
  readonly times: Times;
}

export interface SnapshotterResult {
  readonly date: string;
  readonly options: SnapshotterOptions;
  readonly machine: VmDescription;
  readonly phases: readonly Phase[];
}

/** Each has a containerd of its own; `dataset` is mounted where containerd looks for it. */
interface Contender {
  readonly name: string;
  readonly snapshotter: string;
  readonly dataset?: { readonly name: string; readonly at: string };
}

const DIR = '/var/bench';
const POOL = 'tank';
const LIMIT_MS = 4 * 3600_000;
const READY_MS = 120_000;

export const CONTENDERS: readonly Contender[] = [
  { name: 'layerfs', snapshotter: 'layerfs' },
  {
    name: 'zfs',
    snapshotter: 'zfs',
    dataset: { name: `${POOL}/zfs`, at: `${DIR}/zfs/root/io.containerd.snapshotter.v1.zfs` },
  },
  { name: 'overlayfs-ext4', snapshotter: 'overlayfs' },
  {
    name: 'overlayfs-zfs',
    snapshotter: 'overlayfs',
    dataset: { name: `${POOL}/overlay`, at: `${DIR}/overlayfs-zfs/root` },
  },
];

/** Measures LayerFS beside containerd's own snapshotters, in a VM of its own, on one pool. */
export async function benchSnapshotter(
  options: SnapshotterOptions,
  progress: (text: string) => void,
): Promise<SnapshotterResult> {
  const vm = await startVm();
  try {
    await prepareMachine(vm);
    for (const contender of CONTENDERS) await startContainerd(vm, contender);
    const machine = await describeVm(vm);
    const phases = await run(vm, options, progress);
    return { date: new Date().toISOString().slice(0, 10), options, machine, phases };
  } finally {
    await vm.stop();
  }
}

async function prepareMachine(vm: Vm): Promise<void> {
  const directory = await makeTempDir();
  try {
    const program = path.join(directory, 'bench');
    await buildProgram('./bench', program);
    await vm.succeed(['mkdir', '-p', `${DIR}/mnt`]);
    await vm.copyIn(program, `${DIR}/bench`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  await vm.succeed(['zpool', 'create', '-O', 'mountpoint=none', POOL, '/dev/disk/by-id/virtio-scratch']);
  vm.spawn(['/work/dist/bin/layerfs-snapshotter', '--dataset', `${POOL}/layerfs`]).child.catch(() => undefined);
  await waitFor(vm, 'test -S /run/layerfs/layerfs.sock');
}

const waitFor = (vm: Vm, condition: string) =>
  vm.succeed(['sh', '-c', `until ${condition}; do sleep 0.2; done`], { timeoutMs: READY_MS });

const socketOf = ({ name }: Contender) => `${DIR}/${name}/c.sock`;

async function startContainerd(vm: Vm, contender: Contender): Promise<void> {
  const { name, dataset } = contender;
  const home = `${DIR}/${name}`;
  if (dataset !== undefined) {
    await vm.succeed(['zfs', 'create', '-p', '-o', `mountpoint=${dataset.at}`, '-o', 'compression=lz4', dataset.name]);
  }
  await vm.succeed(['mkdir', '-p', `${home}/root`]);
  const config = `version = 2
root = "${home}/root"
state = "/run/bench-${name}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${socketOf(contender)}"
[proxy_plugins.layerfs]
  type = "snapshot"
  address = "/run/layerfs/layerfs.sock"
`;
  await vm.succeed(['tee', `${home}/config.toml`], { input: config });
  vm.spawn(['containerd', '--config', `${home}/config.toml`]).child.catch(() => undefined);
  await waitFor(vm, `ctr --address ${socketOf(contender)} version >/dev/null 2>&1`);
}

async function run(
  vm: Vm,
  { rounds, snapshots }: SnapshotterOptions,
  progress: (text: string) => void,
): Promise<Phase[]> {
  const contenders = CONTENDERS.flatMap((each) => ['-contender', `${each.name}=${socketOf(each)},${each.snapshotter}`]);
  const counts = ['-rounds', String(rounds), '-present', String(snapshots)];
  const { child } = vm.spawn([`${DIR}/bench`, '-dir', `${DIR}/mnt`, ...counts, ...contenders]);
  child.stderr?.on('data', (text: Buffer) => {
    progress(text.toString().trimEnd());
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const { exitCode, stdout, stderr } = await child;
  clearTimeout(limit);
  if (exitCode !== 0) throw new Error(`a contender failed: ${String(stderr).trim()}`);
  return JSON.parse(String(stdout)) as Phase[];
}
