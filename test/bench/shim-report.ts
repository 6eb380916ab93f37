import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import { busyNote, describe } from './machine.ts';
import type { Memory } from './memory.ts';
import { column, medianRatio, spread } from './pairs.ts';
import type { ShimResult } from './shim.ts';
import { median } from './statistics.ts';

/** What issue and design ask for, of runc's figure. */
const TARGETS = { runTime: 0.6, memory: 0.6, rate: 1 };

const ms = (value: number) => `${value.toFixed(1)} ms`;
const mb = (kib: number) => `${((kib * 1024) / 1e6).toFixed(1)} MB`;
const of = (value: number) => value.toFixed(2);

export interface Ratios {
  readonly runTime: number;
  readonly memory: number;
  readonly rate: number;
}

export function ratios({ runTimes, memory, rates }: ShimResult): Ratios {
  return {
    runTime: medianRatio(runTimes),
    memory: memory.lxcri.totalKiB / memory.runc.totalKiB,
    rate: medianRatio(rates),
  };
}

/** The section of docs/benchmarks.md. */
export function shimReport(result: ShimResult): string {
  const { runTimes, coldStarts, memory, rates, machine, options } = result;
  const ratio = ratios(result);
  const perPair = runTimes.map(({ lxcri, runc }) => lxcri / runc);
  const row = (...cells: string[]) => `| ${cells.join(' | ')} |`;
  return [
    '## The shim beside runc’s',
    '',
    `Measured on ${result.date} by \`npm run bench -- shim\`: ${describe(machine)}.`,
    `Both runtimes under the same containerd, with the same image (\`${BUSYBOX_IMAGE.name}\`) and snapshotter (overlayfs),`,
    'in turn, in changing order.',
    ...busyNote(machine),
    '',
    row('', '`io.containerd.lxcri.v1`', '`io.containerd.runc.v2`', 'ratio', 'wanted'),
    row('---', '---:', '---:', '---:', '---:'),
    row(
      `\`ctr run --rm … true\`, median of ${runTimes.length}`,
      ms(median(column(runTimes, 'lxcri'))),
      ms(median(column(runTimes, 'runc'))),
      `**${of(ratio.runTime)}**`,
      `≤ ${of(TARGETS.runTime)}`,
    ),
    row(
      'the same, 10th to 90th percentile',
      spread(column(runTimes, 'lxcri'), ms),
      spread(column(runTimes, 'runc'), ms),
      `${spread(perPair, of)} per pair`,
      '',
    ),
    row(`the first one, while no daemon runs yet, median of ${coldStarts.length}`, ms(median(coldStarts)), '–', '', ''),
    row(
      `memory (PSS) kept for ${options.containers} idle containers`,
      mb(memory.lxcri.totalKiB),
      mb(memory.runc.totalKiB),
      `**${of(ratio.memory)}**`,
      `≤ ${of(TARGETS.memory)}`,
    ),
    row(
      `1 GiB through stdout, median of ${rates.length}`,
      `${median(column(rates, 'lxcri')).toFixed(0)} MB/s`,
      `${median(column(rates, 'runc')).toFixed(0)} MB/s`,
      `**${of(ratio.rate)}**`,
      `≥ ${of(TARGETS.rate)}`,
    ),
    '',
    'The ratio of each pair of runs, in order: ' + perPair.map(of).join(', ') + '.',
    '',
    `Where the memory of ${options.containers} idle containers is (PSS: a page that n processes share counts as an nth for each):`,
    '',
    row('runtime', 'program', 'processes', 'together', 'each'),
    row('---', '---', '---:', '---:', '---:'),
    ...programRows('lxcri', memory.lxcri),
    ...programRows('runc', memory.runc),
    '',
  ].join('\n');
}

function programRows(runtime: string, { programs }: Memory): string[] {
  const sorted = Object.entries(programs).sort(([, a], [, b]) => b.pssKiB - a.pssKiB);
  return sorted.map(([name, { processes, pssKiB }]) => {
    const each = `${Math.round(pssKiB / processes)} KiB`;
    return `| ${runtime} | \`${name}\` | ${processes} | ${mb(pssKiB)} | ${each} |`;
  });
}
