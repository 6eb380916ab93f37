import { seededRandom } from '../support/seeded-random.ts';

/** What a run draws from its seed. Each part of a run has a source of its own, so that none depends on another's pace. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number, part: string) {
    this.#next = seededRandom(seed ^ hash(part));
  }

  /** From 0 (inclusive) to 1 (exclusive). */
  fraction(): number {
    return this.#next();
  }

  /** A whole number; both ends are possible. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(things: readonly [T, ...T[]]): T {
    return things[this.between(0, things.length - 1)] ?? things[0];
  }

  /** A time to wait until the next of things that happen at random, one in `mean` on average. */
  interval(mean: number): number {
    return -Math.log(1 - this.#next()) * mean;
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
