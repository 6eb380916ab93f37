import type { Growth } from '../soak/trend.ts';
import type { Finding } from './findings.ts';
import { perSecond, type FuzzResult } from './run.ts';

const number = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2));

/** A table for people, and what was found. */
export function fuzzReport({ seed, frames, configs, growth, findings }: FuzzResult, again: string): string {
  const wrong = [...growth.filter(({ tooSteep }) => tooSteep).map(complain), ...findings.flatMap(describe)];
  return [
    `seed ${seed}`,
    `${frames.frames} frames, ${perSecond(frames.frames, frames.ms)} a second; answers: ${list(frames.answers)}`,
    `${configs.configs} configs, ${perSecond(configs.configs, configs.ms)} a second: ${list({ containers: configs.created, ...configs.refused })}`,
    '',
    row('', 'half-way', 'last', 'in 1,000 frames', 'bound'),
    ...growth.map(({ name, unit, first, last, slope, error, bound }) =>
      row(
        unit === '' ? name : `${name} (${unit})`,
        ...[number(first), number(last), `${number(slope)} ± ${number(error)}`, number(bound)],
      ),
    ),
    '',
    ...(wrong.length === 0 ? ['Nothing found.'] : ['Found:', ...wrong.map((line) => `  ${line}`), `Again: ${again}`]),
    '',
  ].join('\n');
}

/** Whether there is nothing to find fault with. */
export const isClean = ({ growth, findings }: FuzzResult) =>
  findings.length === 0 && growth.every(({ tooSteep }) => !tooSteep);

const list = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');

const row = (name: string, ...cells: readonly string[]) =>
  [name.padEnd(34), ...cells.map((cell) => cell.padStart(18))].join('');

const complain = ({ name, unit, slope, bound }: Growth) =>
  `${name} grows by ${number(slope)} ${unit} in 1,000 frames; at most ${number(bound)} are allowed`;

const describe = ({ what, hex, file }: Finding) => [
  what,
  ...(hex === undefined ? [] : [`  frame: ${hex}`]),
  ...(file === undefined ? [] : [`  kept: ${file}`]),
];
