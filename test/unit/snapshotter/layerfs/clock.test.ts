import test from 'ava';
import fc from 'fast-check';
import { Clock } from '../../../../snapshotter/layerfs/clock.ts';

/** A host's clocks, where each look takes a while. */
class Host {
  real: bigint;
  monotonic = 5_000_000n;
  readonly #look: bigint;

  constructor(real: bigint, look = 500n) {
    this.real = real;
    this.#look = look;
  }

  pass(ns: bigint): void {
    this.real += ns;
    this.monotonic += ns;
  }

  clock(): Clock {
    const wall = () => (this.pass(this.#look), Number(this.real / 1_000_000n));
    const monotonic = () => (this.pass(this.#look), this.monotonic);
    return new Clock(wall, monotonic);
  }
}

const START = 1_700_000_000_123_456_789n;
const distance = (a: bigint, b: bigint) => (a > b ? a - b : b - a);

test('times are those of the host, to a few microseconds', (t) => {
  const host = new Host(START);
  const clock = host.clock();
  for (let i = 0; i < 100; i++) {
    host.pass(BigInt(i) * 12_345n);
    t.true(distance(clock.now(), host.real) < 20_000n);
  }
});

test('a process that is kept from running at a tick waits for a better one', (t) => {
  const host = new Host(START);
  let looks = 0;
  const wall = () => {
    // Past the first tick, as long as a scheduler's slice.
    host.pass(++looks === 1300 ? 3_000_000n : 500n);
    return Number(host.real / 1_000_000n);
  };
  const clock = new Clock(wall, () => (host.pass(500n), host.monotonic));
  t.true(distance(clock.now(), host.real) < 20_000n);
});

test('time goes on by itself, and follows whoever sets the clock', (t) => {
  const steps = fc.array(
    fc.record({ passed: fc.bigInt(0n, 10_000_000_000n), set: fc.constantFrom(0n, 0n, 0n, -86_400n, 86_400n, -5n, 5n) }),
  );
  fc.assert(
    fc.property(steps, (all) => {
      const host = new Host(START);
      const clock = host.clock();
      let last = clock.now();
      for (const { passed, set } of all) {
        host.pass(passed);
        host.real += set * 1_000_000_000n;
        const now = clock.now();
        if (set === 0n) t.true(now > last);
        t.true(distance(now, host.real) < 20_000n);
        last = now;
      }
    }),
    { numRuns: 50 },
  );
});

test('no time is given twice, however often it is asked', (t) => {
  let step = 1_000_000n;
  let monotonic = 0n;
  const clock = new Clock(
    () => 1000,
    () => (monotonic += step),
  );
  step = 0n;
  const times = Array.from({ length: 10 }, () => clock.now());
  t.is(new Set(times).size, 10);
});
