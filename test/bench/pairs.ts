import { RUNC } from '../support/runtimes.ts';
import { median, quantile } from './statistics.ts';

/** What this project's shim took, and what runc's, one right after the other. */
export interface Pair {
  readonly lxcri: number;
  readonly runc: number;
}

/** Both runtimes in turn, and in changing order, so that whatever else the machine does befalls both. */
export async function measurePairs(
  ours: string,
  pairs: number,
  measure: (runtime: string) => Promise<number>,
): Promise<Pair[]> {
  for (const name of [ours, RUNC, ours, RUNC]) await measure(name);
  const measured: Pair[] = [];
  for (let round = 0; round < pairs; round++) {
    const first = await measure(round % 2 === 0 ? ours : RUNC);
    const second = await measure(round % 2 === 0 ? RUNC : ours);
    measured.push(round % 2 === 0 ? { lxcri: first, runc: second } : { lxcri: second, runc: first });
  }
  return measured;
}

export const column = (pairs: readonly Pair[], key: keyof Pair) => pairs.map((pair) => pair[key]);

/** Of the medians, ours to runc's. */
export const medianRatio = (pairs: readonly Pair[]) => median(column(pairs, 'lxcri')) / median(column(pairs, 'runc'));

/** From the 10th to the 90th percentile. */
export const spread = (values: readonly number[], format: (value: number) => string) =>
  `${format(quantile(values, 0.1))} – ${format(quantile(values, 0.9))}`;
