import type { Metric } from './sample.ts';
import { slopeOf, type Point } from './slope.ts';

/** How a metric went, in 1,000 of whatever was done. */
export interface Growth extends Metric {
  readonly first: number;
  readonly last: number;
  readonly slope: number;
  readonly error: number;
  readonly tooSteep: boolean;
}

/** A slope counts that is too steep by more than this many standard errors. */
const SIGNIFICANT = 2;

/** @throws Error for fewer than three points. */
export function growthOf(metric: Metric, points: readonly Point[]): Growth {
  const { slope, error } = slopeOf(points);
  const [first, last] = [points[0]?.y ?? 0, points.at(-1)?.y ?? 0];
  return { ...metric, first, last, slope, error, tooSteep: slope - SIGNIFICANT * error > metric.bound };
}
