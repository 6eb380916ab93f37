import { setTimeout as sleep } from 'node:timers/promises';
import { settlesWithin } from '../support/settles-within.ts';
import { BusyLife } from './lives/busy.ts';
import { CtrDetachedLife } from './lives/ctr-detached.ts';
import { CtrRunLife } from './lives/ctr-run.ts';
import type { Life } from './lives/life.ts';
import { NeverStartedLife } from './lives/never-started.ts';
import { NoisyLife } from './lives/noisy.ts';
import { ResidentLife } from './lives/resident.ts';
import { ShortLife } from './lives/short.ts';
import { Random } from './random.ts';
import type { World } from './world.ts';

/** Each as often as it is here. */
const KINDS = [
  BusyLife,
  BusyLife,
  BusyLife,
  ShortLife,
  NoisyLife,
  NeverStartedLife,
  CtrRunLife,
  CtrDetachedLife,
] as const;

const RESIDENTS = 3;
/** Now and then nothing new begins for a while, so that the daemon may go to sleep. */
const LULL_EVERY_MS = 30_000;
const LULL_MS = 6000;
const BREATH_MS = 400;
/** Beyond any time that a life takes with all its faults. */
const LAST_LIFE_MS = 120_000;

/** Containers that come and go, so many at a time, and a few that stay. */
export class Load {
  /** All there were. */
  readonly lives: Life[] = [];
  readonly #world: World;
  readonly #seed: number;
  readonly #residents: ResidentLife[] = [];
  readonly #running: Promise<unknown>[] = [];
  readonly #started = Date.now();
  #over = false;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#seed = seed;
  }

  start(atOnce: number): void {
    for (let index = 0; index < RESIDENTS; index += 1) {
      const resident = new ResidentLife(this.#nextId(), this.#world, this.#nextRandom());
      this.#residents.push(resident);
      this.#running.push(this.#run(resident));
    }
    for (let lane = 0; lane < atOnce; lane += 1) this.#running.push(this.#lane(new Random(this.#seed, `lane ${lane}`)));
  }

  /** Lets those that live come to their end, and begins no more. */
  async finish(): Promise<void> {
    this.#over = true;
    for (const resident of this.#residents) resident.release();
    if (await settlesWithin(Promise.all(this.#running), LAST_LIFE_MS)) return;
    for (const { id, kind, doing } of this.#world.lives) this.#world.fail(`${id} (${kind}) does not end: ${doing}`);
  }

  async #lane(random: Random): Promise<void> {
    while (!this.#over) {
      await sleep(random.fraction() * BREATH_MS);
      if (this.#isLull()) continue;
      const Kind = random.pick(KINDS);
      await this.#run(new Kind(this.#nextId(), this.#world, this.#nextRandom()));
    }
  }

  #isLull(): boolean {
    return (Date.now() - this.#started) % LULL_EVERY_MS > LULL_EVERY_MS - LULL_MS;
  }

  async #run(life: Life): Promise<void> {
    this.lives.push(life);
    this.#world.lives.add(life);
    await life.run();
    this.#world.lives.delete(life);
  }

  #nextId(): string {
    return `${this.#world.containerd.marker}-${this.lives.length + 1}`;
  }

  #nextRandom(): Random {
    return new Random(this.#seed, `life ${this.lives.length + 1}`);
  }
}
