import { mock } from 'node:test';
import test from 'ava';
import fc from 'fast-check';
import { millisecondsToNanoseconds, nanosecondsToMilliseconds, startTimeout } from '../../../shim/ttrpc/timeout.ts';

const MAX_DELAY_MS = 2 ** 31 - 1;

test.afterEach.always(() => {
  mock.timers.reset();
});

test('milliseconds become nanoseconds and back', (t) => {
  t.is(millisecondsToNanoseconds(0.25), 250_000n);
  t.is(millisecondsToNanoseconds(1500), 1_500_000_000n);
  t.is(nanosecondsToMilliseconds(1n), 0.000001);
  const property = fc.property(fc.integer({ min: 0, max: 10_000_000 }), (ms) => {
    t.is(nanosecondsToMilliseconds(millisecondsToNanoseconds(ms)), ms);
  });
  fc.assert(property);
});

test('a limit longer than the wire can say is the longest it can', (t) => {
  t.true(millisecondsToNanoseconds(Infinity) < 2n ** 63n);
  t.true(millisecondsToNanoseconds(Infinity) > 2n ** 62n);
  t.is(millisecondsToNanoseconds(1e300), millisecondsToNanoseconds(Infinity));
});

test.serial('a timeout fires once, not early, even beyond the 32 bits of setTimeout', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  for (const milliseconds of [1, 5000, MAX_DELAY_MS, MAX_DELAY_MS + 1, 2 ** 33 + 5]) {
    let fired = 0;
    startTimeout(milliseconds, () => fired++);
    // The mock lets a timer armed by another one start only at the end of a tick: none may span what setTimeout takes.
    for (let left = milliseconds - 1; left > 0; left -= MAX_DELAY_MS) mock.timers.tick(Math.min(left, MAX_DELAY_MS));
    t.is(fired, 0, `${milliseconds} ms: early`);
    mock.timers.tick(1);
    t.is(fired, 1, `${milliseconds} ms: late`);
    mock.timers.tick(2 ** 30);
    t.is(fired, 1, `${milliseconds} ms: twice`);
  }
});

test.serial('a cleared timeout never fires, not even when it was armed again', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let fired = 0;
  const timeout = startTimeout(2 ** 31 + 10, () => fired++);
  mock.timers.tick(MAX_DELAY_MS);
  timeout.clear();
  mock.timers.tick(100);
  t.is(fired, 0);
});
