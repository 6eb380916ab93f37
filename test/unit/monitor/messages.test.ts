import test from 'ava';
import fc from 'fast-check';
import { parseMonitorMessage, parseMonitorStatus } from '../../../shim/monitor/messages.ts';

for (const [line, message] of [
  ['created 42 18446744073709551615', { type: 'created', init: { pid: 42, startTime: 18446744073709551615n } }],
  ['running', { type: 'running' }],
  ['start-failed 8 exec /x: exec format error', { type: 'start-failed', errno: 8, text: 'exec /x: exec format error' }],
  ['failed 2 rootfs[0]:  two  blanks', { type: 'failed', errno: 2, text: 'rootfs[0]:  two  blanks' }],
  ['failed 0 ', { type: 'failed', errno: 0, text: '' }],
  ['exited 137 1700000000 5', { type: 'exited', exit: { status: 137, seconds: 1700000000n, nanoseconds: 5 } }],
  ['exited 0 -62135596800 0', { type: 'exited', exit: { status: 0, seconds: -62135596800n, nanoseconds: 0 } }],
  ['signalled 3', { type: 'signalled', errno: 3 }],
  ['oom 2', { type: 'oom', count: 2n }],
  ['checkpointed 137', { type: 'checkpointed', status: 137 }],
  [
    'streams 10600 31 1234 20666 5 6 100644 18446744073709551615 1',
    {
      type: 'streams',
      streams: [
        { mode: 0o10600, mount: 31n, inode: 1234n },
        { mode: 0o20666, mount: 5n, inode: 6n },
        { mode: 0o100644, mount: 18446744073709551615n, inode: 1n },
      ],
    },
  ],
  ['created 42 77 and more', { type: 'created', init: { pid: 42, startTime: 77n } }],
  ['warning cannot unmount', { type: 'warning', text: 'cannot unmount' }],
] as const) {
  test(line, (t) => {
    t.deepEqual(parseMonitorMessage(line), message);
  });
}

test('a line that this build does not know is nothing, whatever it is', (t) => {
  const lines = [
    '',
    ' ',
    'paused',
    'Created 1 2',
    'created',
    'created x 2',
    'created 1 x',
    'created 1.5 2',
    'created 1',
    'failed',
    'warning',
  ];
  for (const line of [
    ...lines,
    'exited',
    'exited 1',
    'exited x 1 1',
    'exited 1 1.5 1',
    'streams 1 2 3',
    'checkpointed',
    'signalled',
    'signalled x',
  ]) {
    t.is(parseMonitorMessage(line), undefined, line);
  }
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.constantFrom('created', 'exited', 'signalled', 'failed'), fc.string()).map((w) => w.join(' ')),
      ),
      (line) => {
        t.notThrows(() => parseMonitorMessage(line));
      },
    ),
  );
});

const status = (...lines: string[]) => `${lines.join('\n')}\n`;

test('the last word of a monitor that goes to sleep', (t) => {
  t.deepEqual(parseMonitorMessage('asleep'), { type: 'asleep' });
  t.is(parseMonitorMessage('asleepy'), undefined);
});

test('a status file is what the monitor writes', (t) => {
  t.deepEqual(parseMonitorStatus(status('phase created', 'started 0', 'pid 42 77')), {
    phase: 'created',
    started: false,
    init: { pid: 42, startTime: 77n },
    exit: undefined,
    oomCount: 0n,
  });
  t.deepEqual(parseMonitorStatus(status('phase stopped', 'started 1', 'pid 42 77', 'exit 255 1700000000 999999999')), {
    phase: 'stopped',
    started: true,
    init: { pid: 42, startTime: 77n },
    exit: { status: 255, seconds: 1700000000n, nanoseconds: 999999999 },
    oomCount: 0n,
  });
  const killed = status('phase stopped', 'started 1', 'pid 42 77', 'exit 137 1700000000 0', 'oom 3');
  t.is(parseMonitorStatus(killed).oomCount, 3n);
  t.is(parseMonitorStatus(status('phase creating', 'started 0', 'pid 0 0')).phase, 'creating');
});

for (const text of ['', 'phase', 'phase \n', 'phase nonsense\nstarted 1\npid 1 1\n', 'started 1\npid 1 1\n']) {
  test(`no monitor wrote ${JSON.stringify(text)}`, (t) => {
    t.throws(() => parseMonitorStatus(text), { message: /a status file has phase/ });
  });
}
