import { total, type ChaosResult } from './run.ts';

const columns = (rows: readonly (readonly [string, number | string])[]) =>
  rows.map(([name, value]) => `  ${String(value).padStart(8)}  ${name}`);

/** What was done, what went wrong meanwhile, and what must not have. */
export function chaosReport(result: ChaosResult, again: string): string {
  const { counts, faults, failures, lives, events, seed, logs } = result;
  const failed = failures.length === 0 ? ['No failure.'] : ['Failures:', ...failures.map((line) => `  ${line}`)];
  return [
    `${lives} containers, ${events} events, seed ${seed}`,
    '',
    'What was done:',
    ...columns(Object.entries(counts)),
    '',
    'What went wrong, on purpose:',
    ...columns(
      Object.entries(faults).map(([name, each]) => {
        const details = Object.entries(each).map(([what, count]) => `${what} ${count}`);
        return [`${name}: ${details.join(', ')}`, total(each)];
      }),
    ),
    '',
    ...failed,
    ...(logs === undefined ? [] : [`Logs: ${logs}`]),
    ...(failures.length === 0 ? [] : [`Again: ${again}`]),
    '',
  ].join('\n');
}
