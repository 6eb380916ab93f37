import { LXCRI, RUNC } from '../support/runtimes.ts';
import { inContainerd } from './in-containerd.ts';
import { describeMachine, type Machine } from './machine.ts';
import { measureMemory, type Memory } from './memory.ts';
import type { Pair } from './pairs.ts';
import { measureColdStarts, measureRunTimes } from './run-time.ts';
import { measureThroughput } from './throughput.ts';

export interface ShimOptions {
  readonly runs: number;
  readonly containers: number;
  readonly rates: number;
}

export interface ShimResult {
  readonly date: string;
  readonly machine: Machine;
  readonly options: ShimOptions;
  /** Milliseconds. */
  readonly runTimes: readonly Pair[];
  readonly coldStarts: readonly number[];
  readonly memory: { readonly lxcri: Memory; readonly runc: Memory };
  /** MB/s. */
  readonly rates: readonly Pair[];
}

const COLD_RUNS = 5;
/** Long enough that the daemon stays between two runs. */
const LINGER_MS = 5000;
const SHORT_LINGER_MS = 50;

/** This project's shim beside runc's: the same containerd, the same image, the same snapshotter. */
export async function benchShim(options: ShimOptions, say: (text: string) => void): Promise<ShimResult> {
  const machine = await describeMachine();
  const warm = await inContainerd({ lingerMs: LINGER_MS }, async (containerd) => {
    say(`${options.runs} pairs of ctr run --rm … true`);
    const runTimes = await measureRunTimes(containerd, LXCRI, options.runs);
    say(`${options.rates} pairs of 1 GiB through stdout`);
    const rates = await measureThroughput(containerd, LXCRI, options.rates);
    say(`memory of ${options.containers} idle containers`);
    const lxcri = await measureMemory(containerd, LXCRI, options.containers);
    const runc = await measureMemory(containerd, RUNC, options.containers);
    return { runTimes, rates, memory: { lxcri, runc } };
  });
  say(`${COLD_RUNS} runs without a daemon to begin with`);
  const coldStarts = await inContainerd({ lingerMs: SHORT_LINGER_MS }, (containerd) =>
    measureColdStarts(containerd, LXCRI, COLD_RUNS),
  );
  return { date: new Date().toISOString().slice(0, 10), machine, options, ...warm, coldStarts };
}
