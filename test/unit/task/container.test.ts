import { access, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Code, StatusError } from '../../../common/errors.ts';
import { TaskDelete, TaskExit } from '../../../proto/gen/containerd/events/task.ts';
import type { MonitorStatus } from '../../../shim/monitor/messages.ts';
import { Plan } from '../../../shim/monitor/plan.ts';
import { writeExec } from '../../../shim/task/exec-record.ts';
import { eventually } from '../../support/eventually.ts';
import { entryOf } from '../events/support.ts';
import { created, KILLED, running, topics, world } from './support.ts';

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

// ---- Create ----

test('a create ends when the init is set up', async (t) => {
  const all = await world(t);
  const { container, connection, directory } = all;
  const { stream, monitor } = await connection();
  const creation = container.create(stream);
  await monitor.hears(`run ${directory}`);
  t.is(container.status, 'creating');
  t.is(container.pid, 0);
  monitor.say('created 42 77');
  t.is(await creation, 42);
  t.is(container.status, 'created');
  t.deepEqual(await topics(all, 1), ['create']);
});

test('a create that fails says why, and is no death of the monitor', async (t) => {
  const { container, connection, cleanUps, sink } = await world(t);
  const { stream, monitor } = await connection();
  const creation = container.create(stream);
  // The reason and the end at once: what is read meanwhile must not make an accident of it.
  monitor.end('failed 2 exec: "x": executable file not found in $PATH');
  const error = await t.throwsAsync(creation, { instanceOf: StatusError });
  t.is(error.message, 'OCI runtime create failed: exec: "x": executable file not found in $PATH');
  t.is(error.code, Code.Unknown);
  await container.withdraw();
  t.is(cleanUps(), 0);
  t.is(container.status, 'stopped');
  t.deepEqual(sink.topics, []);
});

test("liblxc's log explains a failure that it alone knows", async (t) => {
  const { container, connection, directory } = await world(t);
  const line = (level: string, text: string) =>
    `lxc hello 20261121000000.000 ${level}    conf - ../src/lxc/conf.c:mount_entry:1234 - ${text}\n`;
  await writeFile(
    path.join(directory, 'lxc.log'),
    line('INFO', 'hello') + line('ERROR', 'No such device') + line('ERROR', 'No such device'),
  );
  await writeFile(path.join(directory, 'monitor.log'), 'lxcri-lxc: ERROR cannot load the LXC configuration: x\n');
  const { stream, monitor } = await connection();
  const creation = container.create(stream);
  monitor.end('failed 0 liblxc could not start the container');
  await t.throwsAsync(creation, {
    message:
      'OCI runtime create failed: liblxc could not start the container: No such device; cannot load the LXC configuration: x',
  });
});

test('a log that cannot be read hides no failure', async (t) => {
  const { container, connection, directory } = await world(t);
  await mkdir(path.join(directory, 'lxc.log'));
  const { stream, monitor } = await connection();
  const creation = container.create(stream);
  monitor.end('failed 0 liblxc could not start the container');
  await t.throwsAsync(creation, { message: 'OCI runtime create failed: liblxc could not start the container' });
  await t.notThrowsAsync(container.withdraw());
});

test('a monitor that dies during the create fails it, and what it left is removed', async (t) => {
  const { container, connection, cleanUps, sink } = await world(t);
  const { stream, monitor } = await connection();
  const creation = container.create(stream);
  await monitor.hears(`run ${path.dirname(sink.path)}/hello`);
  monitor.die();
  await t.throwsAsync(creation, { message: /^OCI runtime create failed: / });
  await container.withdraw();
  t.is(cleanUps(), 1);
  t.deepEqual(sink.topics, []);
});

test('a cleanup that fails keeps nobody waiting', async (t) => {
  const { container, connection, log } = await world(t, {
    cleanUp: () => Promise.reject(new Error('no such program')),
  });
  const { stream, monitor } = await connection();
  const creation = container.create(stream);
  monitor.die();
  await t.throwsAsync(creation);
  await container.withdraw();
  t.is((await container.wait()).status, 137);
  t.true(log.some(({ level }) => level === 'error'));
});

// ---- Start ----

test('a start ends when the payload runs', async (t) => {
  const all = await running(t);
  t.is(all.container.status, 'running');
  t.deepEqual(await topics(all, 2), ['create', 'start']);
  const error = await t.throwsAsync(all.container.start(), { instanceOf: StatusError });
  t.is(error.code, Code.Unknown);
  t.deepEqual(
    all.monitor.heard.filter((line) => line === 'start'),
    ['start'],
  );
});

test('a start that fails says why; the end follows, without a start', async (t) => {
  const all = await created(t);
  const start = all.container.start();
  await all.monitor.hears('start');
  all.monitor.say('start-failed 8 exec /x: exec format error', 'exited 126 5 6');
  await t.throwsAsync(start, { message: 'OCI runtime start failed: exec /x: exec format error' });
  t.deepEqual(await all.container.wait(), { status: 126, seconds: 5n, nanoseconds: 6 });
  t.deepEqual(await topics(all, 2), ['create', 'exit']);
  await t.throwsAsync(all.container.start(), { message: /cannot start a stopped process/ });
});

test('a container that ends before its start does not leave the start waiting', async (t) => {
  const { container, monitor } = await created(t);
  const start = container.start();
  await monitor.hears('start');
  monitor.end('exited 137 5 6');
  await t.throwsAsync(start, { message: /stopped before it was started/ });
});

test('a start that hangs can be killed', async (t) => {
  const { container, monitor } = await created(t);
  const start = container.start();
  await monitor.hears('start');
  const kill = container.kill(9, false);
  await monitor.hears('signal 9');
  monitor.end('signalled 0', 'exited 137 5 6');
  await t.notThrowsAsync(kill);
  await t.throwsAsync(start);
});

// ---- The connection to the monitor ----

test('a connection that is lost is made again, and nothing is told twice', async (t) => {
  const all = await running(t);
  const server = await all.listen();
  all.monitor.die();
  const monitor = await server.next();
  monitor.say('created 42 77', 'running');
  const kill = all.container.kill(15, false);
  await monitor.hears('signal 15');
  monitor.say('signalled 0');
  await kill;
  t.is(all.container.status, 'running');
  t.is(all.cleanUps(), 0);
  monitor.end('exited 143 5 6');
  t.is((await all.container.wait()).status, 143);
  t.deepEqual(await topics(all, 3), ['create', 'start', 'exit']);
});

test('a start that was lost with the connection is asked for again', async (t) => {
  const all = await created(t);
  const server = await all.listen();
  const start = all.container.start();
  await all.monitor.hears('start');
  all.monitor.die();
  const monitor = await server.next();
  monitor.say('created 42 77');
  await monitor.hears('start');
  monitor.say('running');
  t.is(await start, 42);
  monitor.end('exited 0 5 6');
});

test('a start that had come through is not lost', async (t) => {
  const all = await created(t);
  const server = await all.listen();
  const start = all.container.start();
  await all.monitor.hears('start');
  all.monitor.die();
  const monitor = await server.next();
  monitor.say('created 42 77', 'running');
  t.is(await start, 42);
  t.deepEqual(await topics(all, 2), ['create', 'start']);
  monitor.end('exited 0 5 6');
});

test('a kill whose answer never comes is an error, not a wait', async (t) => {
  const { container, monitor } = await running(t);
  const kills = [container.kill(15, false), container.kill(1, false)];
  await monitor.hears('signal 1');
  monitor.die();
  for (const kill of kills) await t.throwsAsync(kill, { instanceOf: StatusError });
  t.deepEqual(await container.wait(), KILLED);
});

test('a monitor that is killed has its container ended, once', async (t) => {
  const all = await running(t);
  all.monitor.die();
  t.deepEqual(await all.container.wait(), KILLED);
  t.is(all.cleanUps(), 1);
  t.is(all.container.status, 'stopped');
  t.deepEqual(await topics(all, 3), ['create', 'start', 'exit']);
  const exit = TaskExit.decode(all.sink.envelopes[2]?.event?.value ?? new Uint8Array());
  t.like(exit, { id: 'hello', containerId: 'hello', pid: 42, exitStatus: 137 });
});

test('the end of a monitor whose container has ended is regular', async (t) => {
  const { container, monitor, cleanUps } = await running(t);
  monitor.end('exited 0 5 6');
  await container.wait();
  await sleep(30);
  t.is(cleanUps(), 0);
});

test('warnings of the monitor are logged, with whose they are', async (t) => {
  const { monitor, log } = await created(t);
  monitor.say('warning cannot unmount /x');
  const found = await eventually(() => log.find(({ level }) => level === 'warn'));
  t.like(found, { namespace: 'default', id: 'hello', text: 'cannot unmount /x' });
  monitor.end('exited 0 5 6');
});

// ---- Kill ----

for (const [errno, code, message] of [
  [3, Code.NotFound, 'process already finished'],
  [22, Code.InvalidArgument, /^signal is 15: /],
  [1, Code.Internal, /errno 1/],
] as const) {
  test(`a signal that the monitor cannot send: errno ${errno}`, async (t) => {
    const { container, monitor } = await running(t);
    const kill = container.kill(15, false);
    await monitor.hears('signal 15');
    monitor.say(`signalled ${errno}`);
    const error = await t.throwsAsync(kill, { instanceOf: StatusError, message });
    t.is(error.code, code);
    monitor.end('exited 0 5 6');
  });
}

test('answers belong to signals in their order', async (t) => {
  const { container, monitor } = await running(t);
  const kills = [container.kill(15, false), container.kill(99, false), container.kill(1, false)];
  await monitor.hears('signal 1');
  monitor.say('signalled 0', 'signalled 22', 'signalled 0');
  const results = await Promise.allSettled(kills);
  t.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  monitor.end('exited 0 5 6');
});

test('what has ended cannot be killed', async (t) => {
  const { container, monitor } = await running(t);
  monitor.end('exited 0 5 6');
  await container.wait();
  for (const all of [false, true]) {
    const error = await t.throwsAsync(container.kill(9, all), { instanceOf: StatusError });
    t.is(error.message, 'process already finished');
    t.is(error.code, Code.NotFound);
  }
});

// ---- Delete ----

test('what runs cannot be deleted', async (t) => {
  const { container, monitor, directory } = await running(t);
  const error = await t.throwsAsync(container.delete(), { instanceOf: StatusError });
  t.is(error.message, 'cannot delete a running process');
  t.true(await exists(directory));
  monitor.end('exited 0 5 6');
});

test('a delete tells the end, waits for the monitor, and leaves nothing', async (t) => {
  const all = await running(t);
  all.monitor.say('exited 7 5 6');
  await all.container.wait();
  const deletion = all.container.delete();
  await all.monitor.hears('release');
  t.true(await exists(all.directory), 'the monitor may still write there');
  all.monitor.end();
  t.deepEqual(await deletion, { status: 7, seconds: 5n, nanoseconds: 6 });
  t.false(await exists(all.directory));
  t.deepEqual(await topics(all, 4), ['create', 'start', 'exit', 'delete']);
  const event = TaskDelete.decode(all.sink.envelopes[3]?.event?.value ?? new Uint8Array());
  t.like(event, { containerId: 'hello', id: '', pid: 42, exitStatus: 7 });
  await eventually(async () => ((await all.journal.read()).last === 0 ? true : undefined));
});

test('what was never started is ended and deleted', async (t) => {
  const all = await created(t);
  const deletion = all.container.delete();
  await all.monitor.hears('signal 9');
  all.monitor.end('signalled 0', 'exited 137 5 6');
  t.is((await deletion).status, 137);
  t.deepEqual(await topics(all, 3), ['create', 'exit', 'delete']);
});

test('a second delete finds nothing', async (t) => {
  const { container, monitor } = await created(t);
  const deletions = [container.delete(), container.delete()];
  await monitor.hears('signal 9');
  monitor.end('signalled 0', 'exited 137 5 6');
  await t.notThrowsAsync(deletions[0] ?? Promise.reject(new Error()));
  const error = await t.throwsAsync(deletions[1] ?? Promise.resolve(), { instanceOf: StatusError });
  t.is(error.code, Code.NotFound);
});

test('a container that is given up leaves no word and no file', async (t) => {
  const { container, monitor, sink, directory, journal } = await running(t);
  await eventually(() => (sink.topics.length === 2 ? true : undefined));
  const end = container.abandon();
  await monitor.hears('signal 9');
  monitor.end('signalled 0', 'exited 137 5 6');
  t.is((await end).status, 137);
  t.false(await exists(directory));
  t.is((await journal.read()).last, 0);
  await sleep(30);
  t.is(sink.topics.length, 2, 'containerd tells the end by itself');
  t.is((await container.abandon()).status, 137, 'again');
});

test('a container that is given up does not wait for a start that hangs', async (t) => {
  const { container, monitor } = await created(t);
  const start = container.start();
  await monitor.hears('start');
  const end = container.abandon();
  await monitor.hears('signal 9');
  monitor.end('signalled 0', 'exited 137 5 6');
  await t.throwsAsync(start);
  t.is((await end).status, 137);
});

// ---- The next daemon ----

const STATUS: MonitorStatus = {
  phase: 'running',
  started: true,
  init: { pid: 42, startTime: 77n },
  exit: undefined,
  oomCount: 0n,
};

test('a living monitor tells the next daemon everything', async (t) => {
  const all = await world(t);
  const server = await all.listen();
  const recovery = all.container.recover(STATUS);
  const monitor = await server.next();
  monitor.say('created 42 77', 'running');
  await recovery;
  t.is(all.container.pid, 42);
  await eventually(() => (all.container.status === 'running' ? true : undefined));
  monitor.end('exited 3 5 6');
  t.is((await all.container.wait()).status, 3);
  t.deepEqual(await topics(all, 3), ['create', 'start', 'exit']);
});

test('events that were told, or promised, are not told again', async (t) => {
  const all = await world(t);
  const [create, start] = [entryOf(1, 'create', all.sink.target), entryOf(2, 'start', all.sink.target)];
  await all.journal.add(create);
  await all.journal.markSent(create);
  await all.journal.add(start);
  const server = await all.listen();
  const recovery = all.container.recover(STATUS);
  const monitor = await server.next();
  monitor.say('created 42 77', 'running', 'exited 3 5 6');
  await recovery;
  t.deepEqual(await topics(all, 2), ['start', 'exit']);
  monitor.end();
});

test('an end on record is the end', async (t) => {
  const all = await world(t);
  const exit = { status: 9, seconds: 1n, nanoseconds: 2 };
  await all.container.recover({ ...STATUS, phase: 'stopped', exit });
  t.deepEqual(await all.container.wait(), exit);
  t.is(all.cleanUps(), 0);
  t.is(all.container.pid, 42);
  t.deepEqual(await topics(all, 3), ['create', 'start', 'exit']);
  await t.notThrowsAsync(all.container.delete());
});

test('a monitor that is gone without a record has its leftovers removed', async (t) => {
  const all = await world(t);
  await all.container.recover({ ...STATUS, phase: 'created', started: false });
  t.deepEqual(await all.container.wait(), KILLED);
  t.is(all.cleanUps(), 1);
  t.deepEqual(await topics(all, 2), ['create', 'exit']);
});

test('a create that its daemon did not survive is told to nobody', async (t) => {
  const { container, cleanUps, sink } = await world(t);
  await container.recover(undefined);
  t.is(cleanUps(), 1);
  t.is(container.status, 'stopped');
  await sleep(20);
  t.deepEqual(sink.topics, []);
});

test('a monitor that does not answer keeps no daemon waiting: its file tells', async (t) => {
  const all = await world(t);
  const server = await all.listen();
  await all.container.recover(STATUS);
  const monitor = await server.next();
  t.is(all.container.status, 'running');
  t.true(all.log.some(({ level }) => level === 'warn'));
  // And when it does, that is no news.
  monitor.say('created 42 77', 'running');
  monitor.end('exited 0 5 6');
  await all.container.wait();
  t.deepEqual(await topics(all, 3), ['create', 'start', 'exit']);
});

test('a monitor that ends while the next daemon greets it has left word of everything', async (t) => {
  const all = await world(t);
  const server = await all.listen();
  const recovery = all.container.recover(STATUS);
  const monitor = await server.next();
  await writeFile(path.join(all.directory, 'status'), 'phase stopped\nstarted 1\npid 42 77\nexit 3 5 6\n');
  server.close();
  monitor.die();
  await recovery;
  t.is((await all.container.wait()).status, 3);
  t.is(all.cleanUps(), 0);
  t.deepEqual(await topics(all, 3), ['create', 'start', 'exit']);
});

test('an exec that a dead daemon had not told of yet is told of before the container’s end', async (t) => {
  const all = await world(t);
  const stdio = { stdin: '', stdout: '', stderr: '', terminal: false };
  await writeExec(all.directory, { execId: 'late', stdio }, { plan: new Plan(), init: new Plan() });
  const server = await all.listen();
  const recovery = all.container.recover(STATUS);
  const monitor = await server.next();
  monitor.say('created 42 77', 'running', 'exited 3 5 6');
  await recovery;
  t.deepEqual(await topics(all, 4), ['create', 'start', 'exec-added', 'exit']);
  monitor.end();
});

test('a journal that cannot be read costs events, not the container', async (t) => {
  const all = await world(t);
  await mkdir(path.join(path.dirname(all.directory), 'events', 'hello@1'), { recursive: true });
  const server = await all.listen();
  const recovery = all.container.recover(STATUS);
  const monitor = await server.next();
  monitor.say('created 42 77', 'running');
  await t.notThrowsAsync(recovery);
  await eventually(() => (all.container.status === 'running' ? true : undefined));
  t.true(all.log.some(({ level, msg }) => level === 'error' && /journal/.test(msg)));
  monitor.end('exited 0 5 6');
  await all.container.wait();
});

test('two daemons in a row tell each event once', async (t) => {
  const all = await running(t);
  await topics(all, 2);
  await eventually(async () => ((await all.journal.read()).pending.length === 0 ? true : undefined));
  const server = await all.listen();
  const next = all.again();
  const recovery = next.recover(STATUS);
  const monitor = await server.next();
  monitor.say('created 42 77', 'running');
  await recovery;
  monitor.say('exited 0 5 6');
  await next.wait();
  t.deepEqual(await topics(all, 3), ['create', 'start', 'exit']);
  all.monitor.end('exited 0 5 6');
});
