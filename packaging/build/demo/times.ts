import type { Containerd } from '../../../test/support/containerd.ts';
import { RUNC } from '../../../test/support/runtimes.ts';
import { print, remark } from './terminal.ts';

const PAIRS = 10;

/** Runs both runtimes in turn, so that whatever else the machine does befalls both, and shows the medians. */
export async function compareTimes(containerd: Containerd, runtime: string, image: string): Promise<void> {
  const times: Record<string, number[]> = { [runtime]: [], [RUNC]: [] };
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const [name, taken] of Object.entries(times)) {
      const start = performance.now();
      const flags = ['--rm', ...containerd.snapshotterFlags, '--runtime', name];
      await containerd.ctr(['run', ...flags, image, `time-${pair}-${taken.length}`, 'true']);
      taken.push(performance.now() - start);
    }
  }
  const medians = Object.entries(times).map(([name, taken]) => ({ name, ms: median(taken) }));
  for (const { name, ms } of medians) print(`${name.padEnd(24)} ${ms.toFixed(0).padStart(4)} ms`);
  remark(`medians of ${PAIRS} runs each, in turn; docs/benchmarks.md has more of this, npm run bench -- shim makes it`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}
