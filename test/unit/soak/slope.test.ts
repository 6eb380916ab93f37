import test from 'ava';
import { summarize } from '../../soak/run.ts';
import { METRICS, type Sample } from '../../soak/sample.ts';
import { slopeOf } from '../../soak/slope.ts';

const line = (rise: (x: number) => number) => Array.from({ length: 20 }, (_, x) => ({ x, y: 100 + rise(x) }));

test('a straight line, without an error', (t) => {
  const { slope, error } = slopeOf(line((x) => 3 * x));
  t.true(Math.abs(slope - 3) < 1e-9);
  t.true(error < 1e-6);
});

test('noise alone is no slope', (t) => {
  const { slope, error } = slopeOf(line((x) => (x % 2 === 0 ? 5 : -5)));
  t.true(Math.abs(slope) < 2 * error, `${slope} ± ${error}`);
});

test('two points are too few', (t) => {
  t.throws(() => slopeOf(line((x) => x).slice(0, 2)));
});

/** 20 samples, 100 cycles and a second apart; one metric is `value`, all others stay. */
const samples = (name: string, value: (index: number) => number): Sample[] =>
  Array.from({ length: 20 }, (_, index) => ({
    cycles: 100 * (index + 1),
    atMs: 1000 * (index + 1),
    daemon: 1,
    values: { ...Object.fromEntries(METRICS.map((metric) => [metric.name, 7])), [name]: value(index) },
  }));

const steep = (name: string, value: (index: number) => number) =>
  summarize(samples(name, value)).trends.flatMap((trend) => (trend.tooSteep ? [trend.name] : []));

test('each metric that grows is found, and no other', (t) => {
  for (const { name } of METRICS) {
    t.deepEqual(
      steep(name, (index) => 1000 + 100 * index),
      [name],
    );
    t.deepEqual(
      steep(name, () => 1000),
      [],
    );
  }
});

test('what fills up in the beginning does not count', (t) => {
  t.deepEqual(
    steep('files in the run directory', (index) => Math.min(index, 3)),
    [],
  );
});

test('a day at the same pace', (t) => {
  const { cyclesPerDay, trends } = summarize(samples('mounts', (index) => index));
  t.is(Math.round(cyclesPerDay), 100 * 86_400);
  t.is(Math.round(trends.find(({ name }) => name === 'mounts')?.perDay ?? 0), 86_400);
});
