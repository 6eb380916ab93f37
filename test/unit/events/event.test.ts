import test from 'ava';
import { TaskDelete, TaskExit } from '../../../proto/gen/containerd/events/task.ts';
import { now, parseEventTarget } from '../../../shim/events/event.ts';
import { taskCreate, taskDelete, taskExit, taskStart } from '../../../shim/events/task-events.ts';

test('the file of the launcher is read by its keys', (t) => {
  t.deepEqual(parseEventTarget('ttrpc=/run/c.sock.ttrpc\ngrpc=/run/c.sock\nbinary=/usr/bin/containerd\n'), {
    ttrpc: '/run/c.sock.ttrpc',
    grpc: '/run/c.sock',
    binary: '/usr/bin/containerd',
  });
  t.deepEqual(parseEventTarget(''), { ttrpc: '', grpc: '', binary: '' });
  t.deepEqual(parseEventTarget('grpc=a=b=c\nunknown=x\nttrpc'), { ttrpc: '', grpc: 'a=b=c', binary: '' });
});

test('the time is now, and whole', (t) => {
  const before = BigInt(Date.now());
  const { seconds, nanos } = now();
  const after = BigInt(Date.now());
  const milliseconds = seconds * 1000n + BigInt(nanos) / 1_000_000n;
  t.true(before <= milliseconds && milliseconds <= after);
  t.true(nanos >= 0 && nanos < 1_000_000_000);
});

const exit = { status: 137, seconds: 1_700_000_000n, nanoseconds: 5 };

test('topics and types are those that containerd knows', (t) => {
  const create = taskCreate({ containerId: 'a', bundle: '/b', rootfs: [], io: undefined, checkpoint: '', pid: 1 });
  const events = [create, taskStart('a', 1), taskExit('a', 1, exit), taskDelete('a', 1, exit)];
  t.deepEqual(
    events.map(({ topic, typeUrl }) => [topic, typeUrl]),
    [
      ['/tasks/create', 'containerd.events.TaskCreate'],
      ['/tasks/start', 'containerd.events.TaskStart'],
      ['/tasks/exit', 'containerd.events.TaskExit'],
      ['/tasks/delete', 'containerd.events.TaskDelete'],
    ],
  );
  t.true(events.every(({ timestamp }) => timestamp.seconds > 1_600_000_000n));
});

test("an exit is the container's own: its id is the container's", (t) => {
  t.like(TaskExit.decode(taskExit('a', 42, exit).value), {
    containerId: 'a',
    id: 'a',
    pid: 42,
    exitStatus: 137,
    exitedAt: { seconds: 1_700_000_000n, nanos: 5 },
  });
  t.like(TaskDelete.decode(taskDelete('a', 42, exit).value), { containerId: 'a', id: '', pid: 42, exitStatus: 137 });
});
