import test, { type ExecutionContext } from 'ava';
import { Code } from '../../common/errors.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive } from '../support/processes.ts';
import { refusalOf } from '../support/refusal.ts';
import type { TestSpec } from '../support/shim-bundle.ts';
import { killDaemon, monitorOf } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

/* kill -9 of the native processes that hold a container: it ends, that is told, and nothing of it is left. */
const fixture = useShimHost(test);

/** Several processes, of a user for whom the kernel forgets that they were to die with their parent. */
const FAMILY = {
  args: ['sh', '-c', 'sleep 1000 & sh -c "sleep 1000 & wait" & wait'],
  edit: (spec: TestSpec) => {
    spec.process['user'] = { uid: 1000, gid: 1000 };
  },
};

/** So deep in the host that only a cgroup holds them together. */
const WITHOUT_PID_NAMESPACE = {
  args: ['sh', '-c', 'setsid sleep 1000 & exec sleep 1000'],
  edit: (spec: TestSpec) => {
    const namespaces = spec.linux['namespaces'] as { type: string }[];
    spec.linux['namespaces'] = namespaces.filter(({ type }) => type !== 'pid');
  },
};

const VICTIMS = { monitor: ['monitor'], driver: ['driver'], both: ['driver', 'monitor'] } as const;
const STATES = ['created', 'running'] as const;

async function begin(t: ExecutionContext, state: (typeof STATES)[number], options: typeof FAMILY, processes: number) {
  const container = await fixture.created(t, options);
  if (state === 'running') await container.task.start(container.init);
  const pids = await eventually(async () => {
    const found = await container.task.pids({ id: container.init.id });
    return state === 'created' || found.processes.length === processes ? found.processes : undefined;
  });
  return { ...container, pids: pids.map(({ pid }) => pid) };
}

const keepersOf = (id: string) => monitorOf(fixture.host.runDir, fixture.host.namespace, id);

for (const state of STATES) {
  for (const [title, victims] of Object.entries(VICTIMS)) {
    for (const [kind, options, processes] of [
      ['a family of processes', FAMILY, 4],
      ['a container without a PID namespace', WITHOUT_PID_NAMESPACE, 2],
    ] as const) {
      test.serial(`${title} killed, ${kind}, ${state}`, async (t) => {
        const { task, init, pid, pids } = await begin(t, state, options, processes);
        t.true(pids.includes(pid));
        const keepers = await keepersOf(init.id);
        for (const victim of victims) process.kill(keepers[victim], 'SIGKILL');
        const exit = await task.wait(init);
        t.is(exit.exitStatus, 137);
        t.like(await task.state(init), { status: Status.STOPPED, ...exit });
        t.deepEqual(await task.delete(init), { pid, ...exit });
        for (const each of pids) t.false(await isAlive(each));
        const life = state === 'running' ? ['/tasks/create', '/tasks/start'] : ['/tasks/create'];
        const topics = await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
        t.deepEqual(topics, [...life, '/tasks/exit', '/tasks/delete']);
        t.deepEqual(await fixture.leftovers(), []);
      });
    }
  }
}

test.serial('a container of which daemon and monitor are killed', async (t) => {
  const { init, pid, pids, bundle } = await begin(t, 'running', FAMILY, 4);
  const { monitor } = await keepersOf(init.id);
  await killDaemon(fixture.host.runDir);
  process.kill(monitor, 'SIGKILL');
  await eventually(async () => ((await isAlive(monitor)) ? undefined : true));
  const { task } = await fixture.host.startShim(bundle);
  t.is((await task.wait(init)).exitStatus, 137);
  t.like(await task.delete(init), { pid, exitStatus: 137 });
  for (const each of pids) t.false(await isAlive(each));
  const topics = await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
  t.deepEqual(topics, ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete']);
  t.deepEqual(await fixture.leftovers(), []);
});

test.serial('processes that outlive an init without a PID namespace are ended', async (t) => {
  const { task, init, pids } = await begin(t, 'running', WITHOUT_PID_NAMESPACE, 2);
  await task.kill({ ...init, signal: 9, all: false });
  t.is((await task.wait(init)).exitStatus, 137);
  await task.delete(init);
  for (const each of pids) t.false(await isAlive(each));
  t.deepEqual(await fixture.leftovers(), []);
});

test.serial('a monitor that stands still keeps no container from its SIGKILL', async (t) => {
  const { init, pids, task } = await begin(t, 'running', FAMILY, 4);
  const { monitor } = await keepersOf(init.id);
  process.kill(monitor, 'SIGSTOP');
  t.teardown(async () => {
    if (await isAlive(monitor)) process.kill(monitor, 'SIGCONT');
  });
  const { code, message } = await refusalOf(task.kill({ ...init, signal: 15, all: false }));
  t.is(code, Code.DeadlineExceeded);
  t.regex(message, /monitor .* has not answered in 10 s: is it stopped\?/);
  await task.kill({ ...init, signal: 9, all: false });
  for (const pid of pids) await eventually(async () => ((await isAlive(pid)) ? undefined : true));
  process.kill(monitor, 'SIGCONT');
  t.is((await task.wait(init)).exitStatus, 137);
  await task.delete(init);
});

test.serial('what a monitor that hangs keeps is removed as soon as it goes on', async (t) => {
  const { init, pids, bundle, client } = await begin(t, 'running', FAMILY, 4);
  const { monitor } = await keepersOf(init.id);
  process.kill(monitor, 'SIGSTOP');
  t.teardown(async () => {
    if (await isAlive(monitor)) process.kill(monitor, 'SIGCONT');
  });
  client.close();
  // Within the time that containerd gives it.
  const { exitCode, stderr } = await fixture.host.call(bundle, 'delete');
  t.is(exitCode, 1);
  t.regex(Buffer.from(stderr).toString(), /deadline exceeded|did not answer in time/);
  for (const each of pids) t.false(await isAlive(each));
  process.kill(monitor, 'SIGCONT');
  t.deepEqual(await fixture.leftovers(), []);
  t.is((await fixture.host.deleteShim(bundle)).exitStatus, 137);
});
