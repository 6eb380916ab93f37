/** A clock step larger than this is followed at once; smaller ones would make time go backwards for nothing. */
const MAX_DRIFT_NS = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;

/**
 * The time of day in nanoseconds, as containerd compares times at that precision: `Date.now()` gives milliseconds, and
 * `hrtime` counts from nowhere. So the second is anchored at the first, anew whenever somebody sets the clock. It never
 * gives the same time twice.
 */
export class Clock {
  readonly #wall: () => number;
  readonly #monotonic: () => bigint;
  #offset: bigint;
  #last = 0n;

  constructor(wall: () => number = Date.now, monotonic: () => bigint = () => process.hrtime.bigint()) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#offset = this.#anchor();
  }

  /** Nanoseconds since 1970. */
  now(): bigint {
    let now = this.#monotonic() + this.#offset;
    const wall = BigInt(this.#wall()) * NS_PER_MS;
    const drift = now - wall;
    if (drift > MAX_DRIFT_NS || drift < -MAX_DRIFT_NS) {
      this.#offset = this.#anchor();
      this.#last = 0n;
      now = this.#monotonic() + this.#offset;
    }
    this.#last = now > this.#last ? now : this.#last + 1n;
    return this.#last;
  }

  /** Waits, at most a millisecond, for the wall clock to tick: its value is exact at that moment alone. */
  #anchor(): bigint {
    const before = this.#wall();
    let tick = before;
    const start = this.#monotonic();
    while (tick === before && this.#monotonic() - start < 2n * NS_PER_MS) tick = this.#wall();
    return BigInt(tick) * NS_PER_MS - this.#monotonic();
  }
}
