import test from 'ava';
import type { SeenEvent } from '../../chaos/event-tap.ts';
import { compareWithTaken, Expectation } from '../../chaos/expectation.ts';

/* What the chaos run must find wrong, and what it must not. */
const event = (topic: string, { exec = '', exit = 0 } = {}): SeenEvent => ({
  topic: `/tasks/${topic}`,
  container: 'c',
  exec,
  exit,
});

const LIFE = [event('create'), event('start'), event('exit', { exit: 7 }), event('delete', { exit: 7 })];

function life(): Expectation {
  const expectation = new Expectation();
  expectation.must('/tasks/create');
  expectation.must('/tasks/start');
  expectation.must('/tasks/exit', { exit: 7 });
  expectation.must('/tasks/delete', { exit: 7 });
  return expectation;
}

const without = (index: number) => LIFE.filter((_, place) => place !== index);

test('a life as it should be', (t) => {
  t.deepEqual(life().check(LIFE), []);
});

test('one that is missing', (t) => {
  for (const index of LIFE.keys()) t.is(life().check(without(index)).length, 1, String(index));
});

test('one that comes twice', (t) => {
  for (const [index, each] of LIFE.entries())
    t.true(life().check([...LIFE.slice(0, index + 1), each, ...LIFE.slice(index + 1)]).length > 0, String(index));
});

test('two that are exchanged', (t) => {
  for (const index of [0, 1, 2]) {
    const exchanged = [...LIFE];
    exchanged.splice(index, 2, ...LIFE.slice(index, index + 2).reverse());
    t.true(life().check(exchanged).length > 0, String(index));
  }
});

test('a wrong status', (t) => {
  t.is(life().check([...LIFE.slice(0, 2), event('exit', { exit: 137 }), ...LIFE.slice(3)]).length, 1);
});

test('killed: 137 or the true status, nothing else', (t) => {
  const expectation = life();
  expectation.kill();
  const ended = (exit: number) => [...LIFE.slice(0, 2), event('exit', { exit }), event('delete', { exit })];
  t.deepEqual(expectation.check(ended(137)), []);
  t.deepEqual(expectation.check(ended(7)), []);
  t.is(expectation.check(ended(0)).length, 2);
});

test('what a call with an excuse may have done, may be there or not', (t) => {
  const expectation = new Expectation();
  expectation.must('/tasks/create');
  expectation.may('/tasks/paused');
  expectation.must('/tasks/resumed');
  t.deepEqual(expectation.check([event('create'), event('resumed')]), []);
  t.deepEqual(expectation.check([event('create'), event('paused'), event('resumed')]), []);
  t.is(expectation.check([event('create'), event('resumed'), event('paused')]).length, 1);
});

test('the end of an exec after that of init', (t) => {
  const expectation = life();
  expectation.must('/tasks/exit', { exec: 'e', exit: 1 });
  const end = event('exit', { exec: 'e', exit: 1 });
  t.deepEqual(expectation.check([...LIFE.slice(0, 2), end, ...LIFE.slice(2)]), []);
  t.deepEqual(expectation.check([...LIFE, end]), ['/tasks/exit of e comes after the end of init']);
});

test('a life that was cut off: any part of it, but in order and once', (t) => {
  const expectation = life();
  expectation.abandon('cut off');
  for (let length = 0; length <= LIFE.length; length += 1)
    t.deepEqual(expectation.check(LIFE.slice(0, length)), [], String(length));
  t.is(expectation.check([event('start'), event('create')]).length, 1);
  t.is(expectation.check([event('create'), event('create')]).length, 1);
});

test('a client sees what containerd has taken', (t) => {
  const interrupted = false;
  t.deepEqual(compareWithTaken(LIFE, LIFE, { interrupted }), []);
  for (const index of LIFE.keys()) t.is(compareWithTaken(without(index), LIFE, { interrupted }).length, 1);
  t.is(compareWithTaken([...LIFE, event('exit')], LIFE, { interrupted }).length, 1);
});

test('a client that was cut off may miss some and see some twice, but in order', (t) => {
  const interrupted = true;
  for (const index of LIFE.keys()) t.deepEqual(compareWithTaken(without(index), LIFE, { interrupted }), []);
  t.deepEqual(compareWithTaken([...LIFE.slice(0, 1), ...LIFE], LIFE, { interrupted }), []);
  t.is(compareWithTaken(LIFE.toReversed(), LIFE, { interrupted }).length, 1);
  t.is(compareWithTaken([...LIFE, event('exit', { exit: 255 })], LIFE, { interrupted }).length, 1);
});

test('a client that was cut off may see the end once more, told by containerd itself', (t) => {
  const interrupted = true;
  const end = LIFE.slice(-2);
  t.deepEqual(compareWithTaken([...LIFE, ...end], LIFE, { interrupted }), []);
  t.is(compareWithTaken([...LIFE, ...end], LIFE, { interrupted: false }).length, 1);
  t.is(compareWithTaken([...LIFE, ...end, ...end, ...end], LIFE, { interrupted }).length, 1);
});
