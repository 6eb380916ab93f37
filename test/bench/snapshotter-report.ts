import { OURS } from './contenders.ts';
import { busyNote } from './machine.ts';
import type { Phase } from './snapshotter-program.ts';
import type { SnapshotterResult } from './snapshotter.ts';
import { median, quantile } from './statistics.ts';

/** How many times as long as LayerFS another takes, by operation. */
export function speedups({ times }: Phase, contender: string): Record<string, number> {
  return compare(times[contender] ?? {}, times[OURS] ?? {});
}

/** How many times as long it takes with many snapshots as with few, by operation. */
export function growth([few, many]: readonly Phase[], contender = OURS): Record<string, number> {
  return compare(many?.times[contender] ?? {}, few?.times[contender] ?? {});
}

type Ops = Readonly<Record<string, readonly number[]>>;

const compare = (of: Ops, to: Ops): Record<string, number> =>
  Object.fromEntries(Object.entries(to).map(([op, values]) => [op, median(of[op] ?? []) / median(values)]));

interface Column {
  readonly name: string;
  readonly title: string;
}

/** The section of docs/benchmarks.md. */
export function snapshotterReport({
  date,
  options,
  host,
  machine,
  contenders,
  phases,
  onHost,
}: SnapshotterResult): string {
  const { kernel, zfs, containerd, node, accelerator } = machine;
  const [few, many] = phases;
  return [
    '## LayerFS beside containerd’s snapshotters',
    '',
    `Measured on ${date} by \`npm run bench -- snapshotter\`, in the VM (${accelerator}; 2 virtual CPUs, 3 GiB) on`,
    `${host.cpu}, ${host.cores} cores: kernel ${kernel}, OpenZFS ${zfs}, containerd ${containerd}, Node ${node}. Each snapshotter is`,
    'reached through a containerd of its own, with its root on ext4 unless told otherwise, so containerd’s share is in every',
    'figure. A remove counts until containerd’s garbage collection has ended and what was removed is gone. What uses ZFS',
    'shares one pool, of one disk, with lz4.',
    ...busyNote(host),
    '',
    `Medians, and 90th percentiles in brackets, in ms, of ${options.rounds} rounds in which all did the same by turns, in changing`,
    `order. Snapshots present meanwhile, of each: ${few?.present ?? 0} and ${many?.present ?? 0}.`,
    ...phases.flatMap((phase) => ['', `With ${phase.present} snapshots:`, '', ...table(phase, contenders)]),
    '',
    `How many times as long it takes with ${many?.present ?? 0} snapshots as with ${few?.present ?? 0}:`,
    '',
    ...growthTable(phases, contenders),
    '',
    `LayerFS’s overlay store beside overlayfs, without a VM: ${host.system}, kernel ${host.kernel}, containerd`,
    `${host.versions['containerd'] ?? ''}, Node ${host.versions['Node'] ?? ''}; with ${onHost.present} snapshots:`,
    '',
    ...table(onHost, [
      { name: OURS, title: 'layerfs' },
      { name: 'overlayfs', title: 'overlayfs' },
    ]),
    '',
  ].join('\n');
}

const row = (...cells: readonly string[]) => `| ${cells.join(' | ')} |`;

function table(phase: Phase, columns: readonly Column[]): string[] {
  const others = columns.filter(({ name }) => name !== OURS);
  const ratios = others.map(({ name }) => speedups(phase, name));
  return [
    row('', ...columns.map(({ title }) => title), ...others.map(({ title }) => `${title} / layerfs`)),
    row('---', ...[...columns, ...others].map(() => '---:')),
    ...Object.keys(phase.times[OURS] ?? {}).map((op) =>
      row(
        op,
        ...columns.map(({ name }) => spread(phase.times[name]?.[op] ?? [])),
        ...ratios.map((ratio) => (ratio[op] ?? NaN).toFixed(2)),
      ),
    ),
  ];
}

function growthTable(phases: readonly Phase[], columns: readonly Column[]): string[] {
  const all = columns.map(({ name }) => growth(phases, name));
  return [
    row('', ...columns.map(({ title }) => title)),
    row('---', ...columns.map(() => '---:')),
    ...Object.keys(all[0] ?? {}).map((op) => row(op, ...all.map((ratios) => (ratios[op] ?? NaN).toFixed(2)))),
  ];
}

function spread(values: readonly number[]): string {
  const digits = median(values) < 100 ? 1 : 0;
  return `${median(values).toFixed(digits)} (${quantile(values, 0.9).toFixed(digits)})`;
}
