import { directoryOf, type Cgroup } from '../cgroups/cgroup.ts';
import { freeze, isFrozen, thaw } from '../cgroups/freezer.ts';

/** Whether a container's processes stand still, and how they come to. */
export class Pausing {
  readonly #cgroups: readonly Cgroup[];
  #paused = false;
  /** While they are being brought to a stand. */
  #freezing: AbortController | undefined;

  constructor(cgroups: readonly Cgroup[]) {
    this.#cgroups = cgroups;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** For a container of an earlier daemon. */
  async recover(): Promise<void> {
    this.#paused = await isFrozen(this.#cgroups);
  }

  /** Returns when all stand still. @throws StatusError */
  async pause(): Promise<void> {
    this.#freezing = new AbortController();
    try {
      await freeze(this.#cgroups, this.#freezing.signal);
      this.#paused = true;
    } finally {
      this.#freezing = undefined;
    }
  }

  async resume(): Promise<void> {
    await thaw(this.#cgroups);
    this.#paused = false;
  }

  /** Undoes a pause, also one that is under way, for what got a SIGKILL: in v1 what is frozen does not die. */
  async letDie(): Promise<void> {
    if (directoryOf(this.#cgroups, 'freezer') === undefined) return;
    if (this.#freezing === undefined && !this.#paused) return;
    this.#freezing?.abort();
    await this.resume();
  }
}
