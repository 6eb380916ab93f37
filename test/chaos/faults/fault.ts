import type { Life } from '../lives/life.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';

/** Something that goes wrong at random moments. */
export interface Fault {
  readonly name: string;
  /** How long until the next, on average. */
  readonly meanMs: number;
  /** Does it once. @returns what it did, in a word; undefined if there was nothing to do it to. */
  strike(world: World, random: Random): Promise<string | undefined>;
}

/** One of the lives that `fits`. */
export function choose(world: World, random: Random, fits: (life: Life) => boolean): Life | undefined {
  const candidates = [...world.lives].filter(fits);
  return candidates[Math.floor(random.fraction() * candidates.length)];
}

/** Sends a signal to a process that may be gone. @returns whether it was there. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
