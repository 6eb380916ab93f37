import { setTimeout as sleep } from 'node:timers/promises';
import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { Code, StatusError } from '../../common/errors.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { eventually } from '../support/eventually.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { killDaemon, withoutDaemon } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);

/** Counts in its own memory, as fast as it can: its CPU time tells whether it stands still. */
const BUSY = ['sh', '-c', 'trap "exit 9" TERM; while :; do :; done'];

/** User and system time in ticks: proc(5), /proc/PID/stat. */
async function cpuTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Whether the shell has come to its trap: a first process ignores what it does not catch. */
async function catchesTerm(pid: number): Promise<boolean> {
  const [, mask = '0'] = /^SigCgt:\s+(\w+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return ((BigInt(`0x${mask}`) >> 14n) & 1n) === 1n;
}

async function standsStill(pid: number): Promise<boolean> {
  const before = await cpuTime(pid);
  await sleep(200);
  return (await cpuTime(pid)) === before;
}

const refusal = async (call: Promise<unknown>): Promise<string> => {
  const error = await call.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  return error instanceof StatusError ? `${error.code} ${error.message}` : `no StatusError: ${String(error)}`;
};

test('a paused container stands still, says so, and goes on', async (t) => {
  const { task, init, pid } = await fixture.running(t, BUSY);
  t.false(await standsStill(pid));
  await task.pause({ id: init.id });
  t.is((await task.state(init)).status, Status.PAUSED);
  t.true(await standsStill(pid));
  await task.resume({ id: init.id });
  t.is((await task.state(init)).status, Status.RUNNING);
  t.false(await standsStill(pid));
  await task.pause({ id: init.id });
  await task.resume({ id: init.id });
  await task.kill({ ...init, signal: 15, all: false });
  t.is((await task.wait(init)).exitStatus, 9);
  await task.delete(init);
  t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/delete'), [
    '/tasks/create',
    '/tasks/start',
    ...['/tasks/paused', '/tasks/resumed', '/tasks/paused', '/tasks/resumed'],
    '/tasks/exit',
    '/tasks/delete',
  ]);
});

test('what does not fit the state is refused as runc’s shim does', async (t) => {
  const { task, init } = await fixture.created(t, { args: ['sleep', '1000'] });
  const { id } = init;
  t.is(await refusal(task.pause({ id })), `${Code.Unknown} cannot pause task in created state`);
  t.is(await refusal(task.resume({ id })), `${Code.Unknown} cannot resume task in created state`);
  await task.start(init);
  t.is(await refusal(task.resume({ id })), `${Code.Unknown} cannot resume a running process`);
  await task.pause({ id });
  t.is(await refusal(task.pause({ id })), `${Code.Unknown} cannot pause a paused container`);
  t.is(await refusal(task.start(init)), `${Code.Unknown} cannot start a paused process`);
  t.is(await refusal(task.delete(init)), `${Code.Unknown} cannot delete a paused process`);
  await task.resume({ id });
  await task.kill({ ...init, signal: 9, all: false });
  await task.wait(init);
  t.is(await refusal(task.pause({ id })), `${Code.Unknown} cannot pause a stopped container`);
  t.is(await refusal(task.resume({ id })), `${Code.Unknown} cannot resume a stopped container`);
});

for (const all of [false, true]) {
  test(`SIGKILL ends a paused container at once, ${all ? 'with all its processes' : 'by its init'}`, async (t) => {
    const { task, init } = await fixture.running(t, ['sh', '-c', 'sleep 1000 & sleep 1000']);
    await task.pause({ id: init.id });
    await task.kill({ ...init, signal: 9, all });
    t.is((await task.wait(init)).exitStatus, 137);
    await task.delete(init);
  });
}

test('a signal of another kind waits until the container goes on', async (t) => {
  const { task, init, pid } = await fixture.running(t, BUSY);
  await eventually(async () => (await catchesTerm(pid)) || undefined);
  await task.pause({ id: init.id });
  await task.kill({ ...init, signal: 15, all: false });
  await sleep(100);
  t.is((await task.state(init)).status, Status.PAUSED);
  await task.resume({ id: init.id });
  t.is((await task.wait(init)).exitStatus, 9);
});

if (RUNTIME !== RUNC) {
  test('a signal for all processes leaves a paused container paused', async (t) => {
    const { task, init, pid } = await fixture.running(t, BUSY);
    await task.pause({ id: init.id });
    await task.kill({ ...init, signal: 18, all: true });
    t.true(await standsStill(pid));
    t.is((await task.state(init)).status, Status.PAUSED);
  });

  test('calls at once take their turn', async (t) => {
    const { task, init } = await fixture.running(t, ['sh', '-c', 'while :; do true; done']);
    const { id } = init;
    const ends = await Promise.allSettled([
      task.pause({ id }),
      task.resume({ id }),
      task.pause({ id }),
      task.resume({ id }),
    ]);
    t.deepEqual(
      ends.map(({ status }) => status),
      ends.map(() => 'fulfilled' as const),
    );
    t.is((await task.state(init)).status, Status.RUNNING);
  });

  test('a kill in the middle of a pause wins', async (t) => {
    const forks = 'for i in 1 2 3 4 5 6 7 8; do (while :; do true; done) & done; wait';
    const { task, init } = await fixture.running(t, ['sh', '-c', forks]);
    const paused = task.pause({ id: init.id }).catch(() => undefined);
    await task.kill({ ...init, signal: 9, all: true });
    t.is((await task.wait(init)).exitStatus, 137);
    await paused;
    await task.delete(init);
  });

  test.serial('a pause that its daemon could not tell of any more is told before what comes next', async (t) => {
    const { task, init, pid } = await fixture.running(t, BUSY);
    await fixture.host.events.topicsThrough(init.id, '/tasks/start');
    const [, cgroup = ''] = /^\d+:freezer:(.*)$/m.exec(await readFile(`/proc/${pid}/cgroup`, 'utf8')) ?? [];
    // As far as the call had come; who had asked for it is gone.
    await withoutDaemon(fixture.host.runDir, () =>
      writeFile(`/sys/fs/cgroup/freezer${cgroup}/freezer.state`, 'FROZEN', { flag: 'r+' }),
    );
    await task.resume({ id: init.id });
    await task.pause({ id: init.id });
    await task.kill({ ...init, signal: 9, all: true });
    await task.wait(init);
    await task.delete(init);
    t.deepEqual(await fixture.host.events.topicsThrough(init.id, '/tasks/delete'), [
      ...['/tasks/create', '/tasks/start', '/tasks/paused', '/tasks/resumed', '/tasks/paused'],
      ...['/tasks/exit', '/tasks/delete'],
    ]);
  });

  test.serial('a new daemon knows that a container is paused', async (t) => {
    const { task: first, init, pid, bundle } = await fixture.running(t, BUSY);
    await first.pause({ id: init.id });
    await eventually(() => fixture.host.events.of(init.id).some(({ topic }) => topic === '/tasks/paused') || undefined);
    await killDaemon(fixture.host.runDir);
    const { task } = await fixture.host.startShim(bundle);
    t.is((await task.state(init)).status, Status.PAUSED);
    t.true(await standsStill(pid));
    await task.resume({ id: init.id });
    t.false(await standsStill(pid));
  });

  test.serial('a paused container can be removed by force', async (t) => {
    const { task, init, bundle } = await fixture.running(t, BUSY);
    await task.pause({ id: init.id });
    await fixture.host.deleteShim(bundle);
    t.pass();
  });
}
