/** A clock step larger than this is followed at once; smaller ones would make time go backwards for nothing. */
const MAX_DRIFT_NS = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;
/** How exactly the moment of a tick is to be known, and how long that may take. */
const GOOD_ANCHOR_NS = 20_000n;
const MAX_ANCHOR_NS = 10_000_000n;

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

  /**
   * Waits for the wall clock to tick: its value is exact at that moment alone. If this process was kept from running just
   * then, which shows in the time between two looks, the next tick may do better.
   */
  #anchor(): bigint {
    const start = this.#monotonic();
    let best = { width: MAX_ANCHOR_NS, offset: BigInt(this.#wall()) * NS_PER_MS - start };
    let before = { wall: this.#wall(), monotonic: this.#monotonic() };
    while (best.width > GOOD_ANCHOR_NS && before.monotonic - start < MAX_ANCHOR_NS) {
      const wall = this.#wall();
      const monotonic = this.#monotonic();
      const width = monotonic - before.monotonic;
      if (wall !== before.wall && width < best.width) {
        best = { width, offset: BigInt(wall) * NS_PER_MS - before.monotonic - width / 2n };
      }
      before = { wall, monotonic };
    }
    return best.offset;
  }
}
