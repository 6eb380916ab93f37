import type { Containerd } from '../support/containerd.ts';
import { daemonSleeps, hasKeeper, keeperStatus } from '../support/keeper.ts';
import { LXCRI, RUNC } from '../support/runtimes.ts';
import { inContainerd } from './in-containerd.ts';
import { describeMachine, type Machine } from './machine.ts';
import { readMemory, removeIdle, settle, startIdle, type Memory } from './memory.ts';

/** What a runtime keeps for so many idle containers. */
export interface IdleMemory {
  readonly containers: number;
  readonly awake: Memory;
  /** Where there is a keeper: while no daemon runs. */
  readonly asleep: Memory | undefined;
  readonly runc: Memory;
}

export interface IdleMemoryResult {
  readonly date: string;
  readonly machine: Machine;
  readonly sizes: readonly IdleMemory[];
}

/** Longer than it takes to settle and to read what an awake daemon keeps. */
const SLEEP_MS = 30_000;
const OPTIONS = { lingerMs: 5000, environment: { LXCRI_SLEEP_MS: String(SLEEP_MS) } };

/** `sizes` in ascending order: containers are added from each to the next. */
export async function benchIdleMemory(
  sizes: readonly number[],
  say: (text: string) => void,
): Promise<IdleMemoryResult> {
  const machine = await describeMachine();
  const lxcri = await inContainerd(OPTIONS, (containerd) => grow(containerd, LXCRI, sizes, say));
  const runc = await inContainerd(OPTIONS, (containerd) => grow(containerd, RUNC, sizes, say));
  return {
    date: new Date().toISOString().slice(0, 10),
    machine,
    sizes: sizes.map((containers, index) => {
      const [ours, theirs] = [lxcri[index], runc[index]];
      if (ours === undefined || theirs === undefined) throw new Error(`${containers} containers were not measured`);
      return { containers, ...ours, runc: theirs.awake };
    }),
  };
}

async function grow(containerd: Containerd, runtime: string, sizes: readonly number[], say: (text: string) => void) {
  const ids: string[] = [];
  const measured: Pick<IdleMemory, 'awake' | 'asleep'>[] = [];
  for (const containers of sizes) {
    say(`${containers} idle containers of ${runtime}`);
    ids.push(...(await startIdle(containerd, runtime, { from: ids.length, to: containers })));
    await settle();
    const awake = await readAwake(containerd, containers);
    measured.push({ awake, asleep: runtime === LXCRI ? await readAsleep(containerd, containers) : undefined });
  }
  await removeIdle(containerd, ids);
  return measured;
}

/** @throws Error if the daemon went to sleep meanwhile. */
async function readAwake(containerd: Containerd, containers: number): Promise<Memory> {
  const memory = await readMemory(containerd, containers);
  if (!(await hasKeeper(containerd.runDir))) return memory;
  const { state } = await keeperStatus(containerd.runDir);
  if (state !== 'ready') throw new Error(`the daemon was to be awake, and is ${state}`);
  return memory;
}

async function readAsleep(containerd: Containerd, containers: number): Promise<Memory | undefined> {
  if (!(await hasKeeper(containerd.runDir))) return undefined;
  await daemonSleeps(containerd.runDir, { timeoutMs: 2 * SLEEP_MS });
  return readMemory(containerd, containers);
}
