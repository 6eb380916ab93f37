import type { Metric } from '../soak/sample.ts';
import { growthOf, type Growth } from '../soak/trend.ts';
import { countDescriptors, privateMemory } from '../support/process-usage.ts';

/** What keeper and daemon hold after so many frames. */
export interface GrowthSample {
  readonly done: number;
  readonly values: Readonly<Record<string, number>>;
}

/**
 * How much may come with 1,000 frames, once heaps have filled up. A leak of so little as 100 bytes for each frame is 98
 * KiB in 1,000; a collector of garbage that takes its time makes some 10. The keeper's memory has no reason to move.
 */
export const METRICS: readonly Metric[] = [
  { name: 'memory of the daemon', unit: 'KiB', bound: 16 },
  { name: 'memory of the keeper', unit: 'KiB', bound: 1 },
  { name: 'descriptors of the daemon', unit: '', bound: 0.02 },
  { name: 'descriptors of the keeper', unit: '', bound: 0.02 },
];

/** With fewer frames the daemon's heap still fills up; descriptors are judged all the same. */
const ENOUGH_FOR_MEMORY = 500_000;

/** So many descriptors come and go with what is opened once. */
const FEW_DESCRIPTORS = 3;

/** The last half counts. */
const WARM_UP = 0.5;

interface Processes {
  readonly daemon: number;
  readonly keeper: number;
}

/** Taken while nothing is under way; undefined if one of them is gone, which is for others to tell. */
export const takeSample = (done: number, processes: Processes): Promise<GrowthSample | undefined> =>
  readSample(done, processes).catch(() => undefined);

async function readSample(done: number, { daemon, keeper }: Processes): Promise<GrowthSample> {
  const values = {
    'memory of the daemon': await privateMemory(daemon),
    'memory of the keeper': await privateMemory(keeper),
    'descriptors of the daemon': await countDescriptors(daemon),
    'descriptors of the keeper': await countDescriptors(keeper),
  };
  return { done, values };
}

/** What the samples say; nothing, if they are too few. */
export function judgeGrowth(samples: readonly GrowthSample[]): Growth[] {
  const counted = samples.slice(Math.floor(samples.length * WARM_UP));
  if (counted.length < 3) return [];
  const isLong = (samples.at(-1)?.done ?? 0) >= ENOUGH_FOR_MEMORY;
  return METRICS.map((metric) => {
    const points = counted.map(({ done, values }) => ({ x: done / 1000, y: values[metric.name] ?? 0 }));
    const growth = growthOf(metric, points);
    const matters = metric.unit === 'KiB' ? isLong : growth.last - growth.first > FEW_DESCRIPTORS;
    return { ...growth, tooSteep: growth.tooSteep && matters };
  });
}

/** What has come to be open between two samples, and should not have. */
export function newDescriptors(before: GrowthSample | undefined, after: GrowthSample | undefined): string[] {
  if (before === undefined || after === undefined) return [];
  return METRICS.filter(({ unit }) => unit !== 'KiB').flatMap(({ name }) => {
    const [had, has] = [before.values[name] ?? 0, after.values[name] ?? 0];
    return has - had > FEW_DESCRIPTORS ? [`${name}: ${had} before, ${has} afterwards`] : [];
  });
}
