import { CONTENDERS, type Phase, type SnapshotterResult } from './snapshotter.ts';
import { median, quantile } from './statistics.ts';

const OURS = 'layerfs';

const TITLES: Readonly<Record<string, string>> = {
  layerfs: 'layerfs',
  zfs: 'zfs',
  'overlayfs-ext4': 'overlayfs on ext4',
  'overlayfs-zfs': 'overlayfs on ZFS',
};

/** How many times as long as LayerFS another takes, by operation. */
export function speedups({ times }: Phase, contender: string): Record<string, number> {
  const ops = Object.keys(times[OURS] ?? {});
  return Object.fromEntries(
    ops.map((op) => [op, median(timesOf(times, contender, op)) / median(timesOf(times, OURS, op))]),
  );
}

/** How many times as long LayerFS takes with many snapshots as with few. */
export function growth(phases: readonly Phase[], contender = OURS): Record<string, number> {
  const [few, many] = phases;
  if (few === undefined || many === undefined) throw new Error('both phases are needed');
  const ops = Object.keys(few.times[contender] ?? {});
  return Object.fromEntries(
    ops.map((op) => [op, median(timesOf(many.times, contender, op)) / median(timesOf(few.times, contender, op))]),
  );
}

function timesOf(times: Phase['times'], contender: string, op: string): readonly number[] {
  const found = times[contender]?.[op];
  if (found === undefined) throw new Error(`${contender} was not measured at ${op}`);
  return found;
}

/** The section of docs/benchmarks.md. */
export function snapshotterReport({ date, options, machine, phases }: SnapshotterResult): string {
  const { kernel, zfs, containerd, node, accelerator } = machine;
  return [
    '## LayerFS beside containerd’s snapshotters',
    '',
    `Measured on ${date} by \`npm run bench -- snapshotter\`, in the VM (${accelerator}; 2 virtual CPUs, 3 GiB): kernel`,
    `${kernel}, OpenZFS ${zfs}, containerd ${containerd}, Node ${node}. Each snapshotter is reached through a containerd`,
    'of its own, so containerd’s share is in every figure; a remove counts until containerd’s garbage collection has ended,',
    `and so what was removed is gone. The ZFS ones share a pool. Medians (and 90th percentiles) of ${options.rounds} rounds, in ms;`,
    'in each round all did the same, in changing order.',
    ...phases.flatMap((phase) => ['', `With ${phase.present} snapshots present:`, '', ...table(phase)]),
    '',
    `How many times as long it takes with ${phases.at(-1)?.present ?? 0} snapshots as with ${phases[0]?.present ?? 0}:`,
    '',
    ...growthTable(phases),
    '',
  ].join('\n');
}

const row = (...cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const heads = () => CONTENDERS.map(({ name }) => TITLES[name] ?? name);

function table(phase: Phase): string[] {
  const others = CONTENDERS.map(({ name }) => name).filter((name) => name !== OURS);
  const ratios = new Map(others.map((name) => [name, speedups(phase, name)]));
  return [
    row('', ...heads(), ...others.map((name) => `${TITLES[name] ?? name} / layerfs`)),
    row('---', ...CONTENDERS.map(() => '---:'), ...others.map(() => '---:')),
    ...Object.keys(phase.times[OURS] ?? {}).map((op) =>
      row(
        op,
        ...CONTENDERS.map(({ name }) => spread(timesOf(phase.times, name, op))),
        ...others.map(
          (name) =>
            `${name === 'zfs' ? '**' : ''}${(ratios.get(name)?.[op] ?? 0).toFixed(2)}${name === 'zfs' ? '**' : ''}`,
        ),
      ),
    ),
  ];
}

function growthTable(phases: readonly Phase[]): string[] {
  const all = CONTENDERS.map(({ name }) => growth(phases, name));
  return [
    row('', ...heads()),
    row('---', ...CONTENDERS.map(() => '---:')),
    ...Object.keys(all[0] ?? {}).map((op) => row(op, ...all.map((ratios) => (ratios[op] ?? 0).toFixed(2)))),
  ];
}

const spread = (values: readonly number[]) => `${median(values).toFixed(0)} (${quantile(values, 0.9).toFixed(0)})`;
