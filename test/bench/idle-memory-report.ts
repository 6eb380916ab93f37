import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import type { IdleMemory, IdleMemoryResult } from './idle-memory.ts';
import { busyNote, describe } from './machine.ts';
import type { Memory } from './memory.ts';

const mb = (kib: number) => `${((kib * 1024) / 1e6).toFixed(1)} MB`;
const of = (value: number) => value.toFixed(2);
const NONE = '–';

interface Ratios {
  readonly containers: number;
  readonly awake: number;
  readonly asleep: number | undefined;
}

/** Of what runc's shim keeps for as many. */
export function idleMemoryRatios({ sizes }: IdleMemoryResult): Ratios[] {
  return sizes.map(({ containers, awake, asleep, runc }) => ({
    containers,
    awake: awake.totalKiB / runc.totalKiB,
    asleep: asleep === undefined ? undefined : asleep.totalKiB / runc.totalKiB,
  }));
}

/** The section of docs/benchmarks.md. */
export function idleMemoryReport(result: IdleMemoryResult): string {
  const { machine, sizes, date } = result;
  const ratios = idleMemoryRatios(result);
  return [
    '## Memory of idle containers, awake and asleep',
    '',
    `Measured on ${date} by \`npm run bench -- memory\`: ${describe(machine)}.`,
    `All that each runtime keeps for containers of \`${BUSYBOX_IMAGE.name}\` that sleep, without these themselves (PSS: a`,
    'page that n processes share counts as an nth for each). Asleep is while no daemon runs.',
    ...busyNote(machine),
    '',
    '| containers | awake | asleep | runc’s shim | awake / runc’s | asleep / runc’s |',
    '| ---: | ---: | ---: | ---: | ---: | ---: |',
    ...sizes.map((size, index) => sizeRow(size, ratios[index])),
    '',
    ...programTable(sizes.at(-1)),
  ].join('\n');
}

function sizeRow({ containers, awake, asleep, runc }: IdleMemory, ratio: Ratios | undefined): string {
  const cells = [
    String(containers),
    mb(awake.totalKiB),
    asleep === undefined ? NONE : mb(asleep.totalKiB),
    mb(runc.totalKiB),
    ratio === undefined ? NONE : `**${of(ratio.awake)}**`,
    ratio?.asleep === undefined ? NONE : `**${of(ratio.asleep)}**`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function programTable(size: IdleMemory | undefined): string[] {
  if (size === undefined) return [];
  const { containers, awake, asleep, runc } = size;
  return [
    `Where it is, with ${containers} containers:`,
    '',
    '| runtime | program | processes | together | each |',
    '| --- | --- | ---: | ---: | ---: |',
    ...programRows('awake', awake),
    ...(asleep === undefined ? [] : programRows('asleep', asleep)),
    ...programRows('runc', runc),
    '',
  ];
}

function programRows(name: string, { programs }: Memory): string[] {
  const sorted = Object.entries(programs).sort(([, a], [, b]) => b.pssKiB - a.pssKiB);
  return sorted.map(([program, { processes, pssKiB }]) => {
    const each = `${Math.round(pssKiB / processes)} KiB`;
    return `| ${name} | \`${program}\` | ${processes} | ${mb(pssKiB)} | ${each} |`;
  });
}
