import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import type { ExecResult } from './exec.ts';
import { busyNote, describe } from './machine.ts';
import { column, medianRatio, spread, type Pair } from './pairs.ts';
import { median } from './statistics.ts';

/** What the design asks for, of runc's figure. */
const TARGET = 0.6;

const ms = (value: number) => `${value.toFixed(1)} ms`;
const of = (value: number) => value.toFixed(2);

export const execRatios = ({ single, parallel }: ExecResult) => ({
  single: medianRatio(single),
  parallel: medianRatio(parallel),
});

/** The section of docs/benchmarks.md. */
export function execReport(result: ExecResult): string {
  const { single, parallel, machine, options } = result;
  return [
    '## Exec beside runc’s',
    '',
    `Measured on ${result.date} by \`npm run bench -- exec\`: ${describe(machine)}.`,
    `Both runtimes under the same containerd, each with one container (\`${BUSYBOX_IMAGE.name}\`) that sleeps, in turn, in`,
    'changing order. What is below /run on a host is in memory here too, of both.',
    ...busyNote(machine),
    '',
    '|  | `io.containerd.lxcri.v1` | `io.containerd.runc.v2` | ratio | wanted |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows(`\`ctr tasks exec … true\`, median of ${single.length}`, single),
    ...rows(`${options.parallel} of them at once, median of ${parallel.length}`, parallel),
    '',
  ].join('\n');
}

function rows(title: string, pairs: readonly Pair[]): string[] {
  const [ours, runc] = [column(pairs, 'lxcri'), column(pairs, 'runc')];
  return [
    `| ${title} | ${ms(median(ours))} | ${ms(median(runc))} | **${of(medianRatio(pairs))}** | ≤ ${of(TARGET)} |`,
    `| the same, 10th to 90th percentile | ${spread(ours, ms)} | ${spread(runc, ms)} |  |  |`,
  ];
}
