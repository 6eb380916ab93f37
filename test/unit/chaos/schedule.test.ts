import test from 'ava';
import type { Fault } from '../../chaos/faults/fault.ts';
import { Random } from '../../chaos/random.ts';
import { scheduleOf } from '../../chaos/schedule.ts';

const fault = (name: string): Fault => ({ name, meanMs: 1000, strike: () => Promise.resolve(undefined) });
const times = (name: string, seed: number) => scheduleOf(fault(name), seed, 60_000).map(({ at }) => at);

test('a seed gives the same moments each time, another seed or fault gives others', (t) => {
  t.deepEqual(times('a', 5), times('a', 5));
  t.notDeepEqual(times('a', 5), times('a', 6));
  t.notDeepEqual(times('a', 5), times('b', 5));
});

test('moments are in order, within the time, and about as many as they should be', (t) => {
  const found = times('a', 5);
  t.deepEqual(
    found,
    found.toSorted((a, b) => a - b),
  );
  t.true(found.every((at) => at > 0 && at < 60_000));
  t.true(found.length > 30 && found.length < 90, String(found.length));
});

test('whole numbers reach both ends', (t) => {
  const random = new Random(1, 'a');
  const found = new Set(Array.from({ length: 200 }, () => random.between(2, 4)));
  t.deepEqual([...found].toSorted(), [2, 3, 4]);
});
