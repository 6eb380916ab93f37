import type { SoakResult, Trend } from './run.ts';

const number = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2));

/** A table for people, and what is wrong. */
export function soakReport({ cycles, cyclesPerDay, trends, failures }: SoakResult): string {
  const wrong = [...trends.filter(({ tooSteep }) => tooSteep).map(complain), ...failures];
  return [
    `${cycles} cycles of create, exec and delete; ${Math.round(cyclesPerDay)} a day at this pace`,
    '',
    row('', 'first', 'last', 'in 1,000 cycles', 'bound', 'in 24 hours'),
    ...trends.map(({ name, unit, first, last, slope, error, bound, perDay }) =>
      row(
        unit === '' ? name : `${name} (${unit})`,
        ...[number(first), number(last), `${number(slope)} ± ${number(error)}`, number(bound), number(perDay)],
      ),
    ),
    '',
    ...(wrong.length === 0 ? ['Nothing grows.'] : ['Failures:', ...wrong.map((line) => `  ${line}`)]),
    '',
  ].join('\n');
}

const row = (name: string, ...cells: readonly string[]) =>
  [name.padEnd(34), ...cells.map((cell) => cell.padStart(18))].join('');

const complain = ({ name, unit, slope, bound }: Trend) =>
  `${name} grows by ${number(slope)} ${unit} in 1,000 cycles; at most ${number(bound)} are allowed`;
