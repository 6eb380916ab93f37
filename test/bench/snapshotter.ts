import { rm } from 'node:fs/promises';
import path from 'node:path';
import { buildProgram } from '../conformance/snapshotter/build-suite.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { startVm } from '../vm/start-vm.ts';
import type { Vm } from '../vm/vm.ts';
import {
  asArgument,
  chooseContenders,
  DIR,
  makeHome,
  OURS,
  POOL,
  startContainerd,
  startLayerFs,
  ZFS,
  type Contender,
  type Service,
} from './contenders.ts';
import { describeMachine, type Machine } from './machine.ts';
import { benchOnHost } from './overlay-on-host.ts';
import { runProgram, type Phase } from './snapshotter-program.ts';
import { seedZfs } from './seed-zfs.ts';
import { describeVm, type VmDescription } from './vm-description.ts';

export interface SnapshotterOptions {
  /** How often each operation is measured, with few snapshots and with many. */
  readonly rounds: number;
  /** How many are many. */
  readonly snapshots: number;
  /** Names of contenders; none for all. */
  readonly only: readonly string[];
}

export interface SnapshotterResult {
  readonly date: string;
  readonly options: SnapshotterOptions;
  readonly host: Machine;
  readonly machine: VmDescription;
  readonly contenders: readonly Contender[];
  /** With few snapshots, and with many. */
  readonly phases: readonly Phase[];
  /** LayerFS's overlay store beside overlayfs, in no VM, with few snapshots. */
  readonly onHost: Phase;
}

const FEW = 10;

type Progress = (text: string) => void;

/** Measures LayerFS beside containerd's own snapshotters, in a VM of its own, on one pool. */
export async function benchSnapshotter(options: SnapshotterOptions, progress: Progress): Promise<SnapshotterResult> {
  const contenders = chooseContenders(options.only);
  if (options.snapshots <= FEW) throw new Error(`--snapshots wants more than ${FEW}, which are measured anyway`);
  const host = await describeMachine();
  const programs = await makeTempDir();
  try {
    await buildProgram('./bench', path.join(programs, 'bench'));
    await buildProgram('./seed', path.join(programs, 'seed'));
    progress('LayerFS’s overlay store beside overlayfs, on this host');
    const onHost = await benchOnHost(path.join(programs, 'bench'), options.rounds, progress);
    const measured = await benchInVm(programs, contenders, options, progress);
    return { date: new Date().toISOString().slice(0, 10), options, host, contenders, ...measured, onHost };
  } finally {
    await rm(programs, { recursive: true, force: true });
  }
}

async function benchInVm(
  programs: string,
  contenders: readonly Contender[],
  { rounds, snapshots }: SnapshotterOptions,
  progress: Progress,
): Promise<Pick<SnapshotterResult, 'machine' | 'phases'>> {
  const vm = await startVm();
  try {
    await prepareMachine(vm, programs);
    const machine = await describeVm(vm);
    progress(`in the VM (${machine.accelerator})`);
    const services = new Map<Contender, Service>();
    for (const contender of contenders) {
      await makeHome(vm, contender);
      services.set(contender, await startContainerd(vm, contender));
    }
    const bench = [`${DIR}/bench`, '-dir', `${DIR}/mnt`, '-pool', POOL, '-rounds', String(rounds)];
    const all = [...bench, ...contenders.flatMap(asArgument)];
    const few = await runProgram(vm, [...all, '-present', String(FEW)], progress);
    if (services.has(ZFS)) {
      await services.get(ZFS)?.stop();
      progress(`making ${snapshots} snapshots for zfs`);
      await seedZfs(vm, snapshots);
      await startContainerd(vm, ZFS);
    }
    const many = await runProgram(vm, [...all, '-present', String(snapshots)], progress);
    await checkDatasets(vm, contenders, snapshots);
    return { machine, phases: [few, many] };
  } finally {
    await vm.stop();
  }
}

async function prepareMachine(vm: Vm, programs: string): Promise<void> {
  await vm.succeed(['mkdir', '-p', `${DIR}/mnt`]);
  for (const name of ['bench', 'seed']) await vm.copyIn(path.join(programs, name), `${DIR}/${name}`);
  await vm.succeed(['zpool', 'create', '-O', 'mountpoint=none', POOL, '/dev/disk/by-id/virtio-scratch']);
  await startLayerFs(vm);
}

/** Both have a dataset for each snapshot: what was removed must be gone, or its removal was not measured. */
async function checkDatasets(vm: Vm, contenders: readonly Contender[], snapshots: number): Promise<void> {
  // What everything stands on, the dataset of all; LayerFS also has an empty one.
  const expected = { [OURS]: snapshots + 3, [ZFS.name]: snapshots + 2 };
  for (const { name } of contenders) {
    const wanted = expected[name];
    if (wanted === undefined) continue;
    const there = Number(await vm.succeed(['sh', '-c', `zfs list -H -o name -r ${POOL}/${name} | wc -l`]));
    if (there !== wanted) throw new Error(`${name} left ${there} datasets at the end, instead of ${wanted}`);
  }
}
