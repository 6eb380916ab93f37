import test from 'ava';
import { Plan } from '../../../shim/monitor/plan.ts';
import { planStdio, type Stdio } from '../../../shim/task/stdio.ts';
import { parsePlan } from '../support/native-plan.ts';

const NONE: Stdio = { stdin: '', stdout: '', stderr: '', terminal: false };

const planned = (changes: Partial<Stdio>) => {
  const plan = new Plan();
  planStdio({ ...NONE, ...changes }, { namespace: 'default', id: 'hello', hostNetwork: '/proc/1/ns/net' }, plan);
  return parsePlan(plan.toString(), 'monitor').map(({ name, args }) => [name, ...args]);
};

test('streams are planned by their number', (t) => {
  t.deepEqual(planned({}), [
    ['stdio', '0', ''],
    ['stdio', '1', ''],
    ['stdio', '2', ''],
  ]);
  t.deepEqual(planned({ stdin: '/a', stdout: '/b c', stderr: 'fifo:///d' }), [
    ['stdio', '0', '/a'],
    ['stdio', '1', '/b c'],
    ['stdio', '2', '/d'],
  ]);
});

test('a log file is one for both outputs', (t) => {
  t.deepEqual(planned({ stdout: 'file:///var/log/a%20b.log', stderr: 'file:///var/log/c.log' }).slice(1), [
    ['log-file', '1', '/var/log/a b.log'],
    ['log-file', '2', '/var/log/c.log'],
  ]);
  t.deepEqual(planned({ stdout: 'file:///100%' })[1], ['log-file', '1', '/100%'], 'no escape is no fault');
});

test('a terminal has one output', (t) => {
  t.deepEqual(planned({ terminal: true, stdin: '/a', stdout: '/b', stderr: '/c' }), [
    ['terminal'],
    ['stdio', '0', '/a'],
    ['stdio', '1', '/b'],
    ['stdio', '2', ''],
  ]);
});

test('a logger gets its arguments by turns, and is told of whom it hears', (t) => {
  t.deepEqual(planned({ stdin: '/a', stdout: 'binary:///bin/my%20logger?b=x%20y&a=&c', stderr: 'ignored' }), [
    ['stdio', '0', '/a'],
    ['logger', '/bin/my logger', '/proc/1/ns/net'],
    ...['b', 'x y', 'a', '', 'c', ''].map((word) => ['logger-argument', word]),
    ['logger-environment', 'CONTAINER_ID=hello'],
    ['logger-environment', 'CONTAINER_NAMESPACE=default'],
  ]);
});

for (const [changes, message] of [
  [{ stdin: 'file:///x' }, /^stdin is "file:\/\/\/x": expected the path of a FIFO, or none/],
  [{ stdout: 'http:///bin/logger' }, /^stdout is "http:.*expected the path of a FIFO, file:.*, binary:/],
  [{ stderr: 'ttrpc+unix:///x' }, /^stderr is "ttrpc\+unix:.*expected the path of a FIFO, file:/],
  [{ stderr: 'binary:///x' }, /^stderr is "binary:.*expected the path of a FIFO, file:/],
  [{ stdout: 'binary://x/y' }, /^stdout is "x\/y": expected an absolute path/],
  [{ stdout: 'binary://' }, /the path of a logger is missing/],
  [{ stdout: 'binary:///a?b=c%00' }, /^stdout contains a NUL/],
  [{ stdin: 'relative' }, /^stdin is "relative": expected an absolute path/],
  [{ stdout: 'fifo://relative' }, /^stdout is "relative": expected an absolute path/],
  [{ stdout: '/a\0b' }, /^stdout contains a NUL/],
  [{ stdout: 'file:///a%00b' }, /^stdout contains a NUL/],
] as const) {
  test(`refused: ${JSON.stringify(changes)}`, (t) => {
    t.throws(() => planned(changes), { message });
  });
}
