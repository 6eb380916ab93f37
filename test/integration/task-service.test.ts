import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Code, StatusError } from '../../common/errors.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { TaskDefinition as TaskV3 } from '../../proto/gen/containerd/task/v3/task.ts';
import { isAlive } from '../support/processes.ts';
import { LXCRI, RUNTIME } from '../support/runtimes.ts';
import { createRequest } from '../support/shim-host.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);
const YEAR_ONE = -62135596800n;

/** Expects a call to fail with a code and a text. */
async function refused(t: ExecutionContext, call: Promise<unknown>, code: Code, text: RegExp): Promise<void> {
  const error = await t.throwsAsync(call, { instanceOf: StatusError });
  t.is(error.code, code, error.message);
  t.regex(error.message, text);
}

test('before Create, every method but Connect and Shutdown says that there is no container', async (t) => {
  const { task, bundle } = await fixture.shim(t);
  const init = { id: bundle.id, execId: '' };
  const calls = [
    () => task.state(init),
    () => task.start(init),
    () => task.delete(init),
    () => task.wait(init),
    () => task.kill({ ...init, signal: 9, all: false }),
    () => task.pids({ id: bundle.id }),
    () => task.closeIO({ ...init, stdin: true }),
  ];
  for (const call of calls) await refused(t, call(), Code.NotFound, /container not created/);
  t.is((await task.connect({ id: bundle.id })).taskPid, 0);
  await task.shutdown({ id: bundle.id, now: false });
});

test('the states of a life', async (t) => {
  const { task, init, pid } = await fixture.created(t, { args: ['sh', '-c', 'exit 7'] });
  t.like(await task.state(init), { id: init.id, pid, status: Status.CREATED, exitStatus: 0 });
  t.true(await isAlive(pid));
  t.is((await task.start(init)).pid, pid);
  const { exitStatus, exitedAt } = await task.wait(init);
  t.is(exitStatus, 7);
  t.true(Math.abs(Number(exitedAt?.seconds) - Date.now() / 1000) < 60);
  t.like(await task.state(init), { pid, status: Status.STOPPED, exitStatus: 7, exitedAt });
  t.deepEqual(await task.delete(init), { pid, exitStatus: 7, exitedAt });
  await refused(t, task.state(init), Code.NotFound, /container not created|not found/);
});

test('what State says of a running container', async (t) => {
  const { task, init, pid, bundle } = await fixture.running(t, ['sleep', '1000']);
  const state = await task.state(init);
  t.like(state, { id: init.id, bundle: bundle.dir, pid, status: Status.RUNNING, exitStatus: 0, terminal: false });
  t.is(state.exitedAt?.seconds, YEAR_ONE);
  t.is((await task.connect({ id: init.id })).taskPid, pid);
});

test('Wait answers everybody who waits, and whoever comes later', async (t) => {
  const { task, init } = await fixture.created(t, { args: ['sh', '-c', 'exit 3'] });
  const waits = [task.wait(init), task.wait(init)];
  await task.start(init);
  const answers = await Promise.all(waits);
  t.is(answers[0]?.exitStatus, 3);
  t.deepEqual(answers[1], answers[0]);
  t.deepEqual(await task.wait(init), answers[0]);
});

test('a created container that is killed has an exit all the same', async (t) => {
  const { task, init } = await fixture.created(t, { args: ['sleep', '1000'] });
  await task.kill({ ...init, signal: 9, all: false });
  t.is((await task.wait(init)).exitStatus, 137);
  t.is((await task.delete(init)).exitStatus, 137);
  t.true((await fixture.host.events.topicsThrough(init.id, '/tasks/delete')).includes('/tasks/exit'));
});

test('a created container can be deleted', async (t) => {
  const { task, init, pid } = await fixture.created(t, { args: ['sleep', '1000'] });
  t.is((await task.delete(init)).pid, pid);
  t.false(await isAlive(pid));
});

test('a Delete during a Create waits, and removes what was created', async (t) => {
  const { task, bundle } = await fixture.shim(t, { args: ['sleep', '1000'] });
  const init = { id: bundle.id, execId: '' };
  const [{ pid }, removed] = await Promise.all([task.create(createRequest(bundle)), task.delete(init)]);
  t.is(removed.pid, pid);
  await refused(t, task.state(init), Code.NotFound, /container not created|not found/);
});

test('of two Deletes one removes the container and tells so; the other finds none', async (t) => {
  const { task, init } = await fixture.created(t, { args: ['sleep', '1000'] });
  const results = await Promise.allSettled([task.delete(init), task.delete(init)]);
  t.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  // Time for an event too many.
  await setTimeout(500);
  const topics = fixture.host.events.of(init.id).map(({ topic }) => topic);
  t.deepEqual(topics, ['/tasks/create', '/tasks/exit', '/tasks/delete']);
});

test('a running container cannot be deleted', async (t) => {
  const { task, init } = await fixture.running(t, ['sleep', '1000']);
  await refused(t, task.delete(init), Code.Unknown, /cannot delete a running process/);
  t.is((await task.state(init)).status, Status.RUNNING);
});

test('Kill after the end: process already finished', async (t) => {
  const { task, init } = await fixture.running(t, ['true']);
  await task.wait(init);
  await refused(t, task.kill({ ...init, signal: 15, all: false }), Code.NotFound, /process already finished/);
});

test('Kill with all ends every process of the container', async (t) => {
  const { task, init } = await fixture.running(t, ['sh', '-c', 'sleep 1000 & sleep 1000 & wait']);
  const { processes } = await task.pids({ id: init.id });
  await task.kill({ ...init, signal: 9, all: true });
  await task.wait(init);
  t.true(processes.length > 0);
  for (const { pid } of processes) t.false(await isAlive(pid));
});

test('an exec that nobody made does not exist', async (t) => {
  const { task, init } = await fixture.running(t, ['sleep', '1000']);
  await refused(t, task.state({ ...init, execId: 'nope' }), Code.NotFound, /process does not exist nope/);
  await refused(t, task.wait({ ...init, execId: 'nope' }), Code.NotFound, /process does not exist nope/);
});

test('CloseIO of a container without stdin does no harm', async (t) => {
  const { task, init } = await fixture.running(t, ['sleep', '1000']);
  await task.closeIO({ ...init, stdin: true });
  t.is((await task.state(init)).status, Status.RUNNING);
});

test('a second Create with the same id is refused; the first container goes on', async (t) => {
  const { task, init, bundle, pid } = await fixture.running(t, ['sleep', '1000']);
  await t.throwsAsync(task.create(createRequest(bundle)), { instanceOf: StatusError });
  t.like(await task.state(init), { pid, status: Status.RUNNING });
});

test('a second Start is refused; the container goes on', async (t) => {
  const { task, init, pid } = await fixture.running(t, ['sleep', '1000']);
  await t.throwsAsync(task.start(init), { instanceOf: StatusError });
  t.like(await task.state(init), { pid, status: Status.RUNNING });
});

test('Shutdown does nothing while a container is there', async (t) => {
  const { task, init } = await fixture.running(t, ['sleep', '1000']);
  await task.shutdown({ id: init.id, now: false });
  t.is((await task.state(init)).status, Status.RUNNING);
});

test('unknown services and methods are Unimplemented', async (t) => {
  const { client } = await fixture.shim(t);
  const nothing = new Uint8Array();
  await refused(t, client.call('containerd.task.v9.Task', 'State', nothing), Code.Unimplemented, /task\.v9/);
  await refused(t, client.call('containerd.task.v2.Task', 'Conjure', nothing), Code.Unimplemented, /Conjure/);
});

test('events tell what Create was told', async (t) => {
  const { init, bundle, pid } = await fixture.running(t, ['true']);
  await fixture.host.events.topicsThrough(init.id, '/tasks/exit');
  const [create, ...others] = fixture.host.events.of(init.id);
  t.like(create, { topic: '/tasks/create', namespace: fixture.host.namespace, containerId: init.id, pid });
  t.true(create?.envelope.event?.value.includes(Buffer.from(bundle.dir)));
  t.deepEqual(
    others.map(({ topic, id }) => [topic, id]),
    [
      ['/tasks/start', ''],
      ['/tasks/exit', init.id],
    ],
  );
});

if (RUNTIME === LXCRI) {
  test('Task v3 is the same service by another name', async (t) => {
    const shim = await fixture.running(t, ['sleep', '1000']);
    const v3 = fixture.host.service(TaskV3, shim);
    t.deepEqual(await v3.state(shim.init), await shim.task.state(shim.init));
  });
}
