import test from 'ava';
import { Plan } from '../../../shim/monitor/plan.ts';
import { planStdio, type Stdio } from '../../../shim/task/stdio.ts';
import { parsePlan } from '../support/native-plan.ts';

const NONE: Stdio = { stdin: '', stdout: '', stderr: '', terminal: false };

const planned = (changes: Partial<Stdio>) => {
  const plan = new Plan();
  planStdio({ ...NONE, ...changes }, plan);
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

for (const [changes, message] of [
  [{ terminal: true }, /^terminal is true/],
  [{ stdin: 'file:///x' }, /^stdin is "file:\/\/\/x": the scheme file:\/\/ /],
  [{ stdout: 'binary:///bin/logger?id=x' }, /^stdout is "binary:.*the scheme binary:\/\//],
  [{ stderr: 'ttrpc+unix:///x' }, /^stderr is .*the scheme ttrpc\+unix:\/\//],
  [{ stdin: 'relative' }, /^stdin is "relative": expected an absolute path/],
  [{ stdout: 'fifo://relative' }, /^stdout is "relative": expected an absolute path/],
  [{ stdout: '/a\0b' }, /^stdout contains a NUL/],
  [{ stdout: 'file:///a%00b' }, /^stdout contains a NUL/],
] as const) {
  test(`refused: ${JSON.stringify(changes)}`, (t) => {
    t.throws(() => planned(changes), { message });
  });
}
