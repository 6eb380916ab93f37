import test from 'ava';
import { Code, type StatusError } from '../../common/errors.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { eventsTaken } from '../support/event-journals.ts';
import { eventually } from '../support/eventually.ts';
import { isAlive } from '../support/processes.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { createRequest } from '../support/shim-host.ts';
import { daemonOf, monitorOf } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

/* What is left of a container when one of the processes that keep it is killed. */
const fixture = useShimHost(test);

async function killDaemon(): Promise<void> {
  const daemon = await daemonOf(fixture.host.runDir);
  if (daemon === undefined) throw new Error('there is no daemon to kill');
  process.kill(daemon, 'SIGKILL');
  await eventually(async () => ((await isAlive(daemon)) ? undefined : true));
}

/** An event is told again when the daemon dies between containerd's taking it and the note of that. */
const eventsAreTaken = () => eventsTaken(fixture.host.runDir);

const processesOf = (id: string) => monitorOf(fixture.host.runDir, fixture.host.namespace, id);

if (RUNTIME !== RUNC) {
  test.serial('a new daemon finds a container that runs, and one that ended without a daemon', async (t) => {
    const running = await fixture.running(t, ['sleep', '1000']);
    const ended = await fixture.running(t, ['sh', '-c', 'trap "exit 9" TERM; while :; do sleep 0.02; done']);
    await eventsAreTaken();
    await killDaemon();
    process.kill(ended.pid, 'SIGTERM');
    await eventually(async () => ((await isAlive(ended.pid)) ? undefined : true));

    const { task } = await fixture.host.startShim(running.bundle);
    t.like(await task.state(running.init), { pid: running.pid, status: Status.RUNNING });
    t.like(await task.wait(ended.init), { exitStatus: 9 });
    await task.kill({ ...running.init, signal: 9, all: false });
    for (const { init } of [running, ended]) {
      await task.wait(init);
      await task.delete(init);
      const topics = await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
      t.deepEqual(topics, ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete']);
    }
  });

  test.serial('a monitor that hangs does not keep a new daemon from other containers', async (t) => {
    const { init, bundle, pid } = await fixture.running(t, ['sleep', '1000']);
    const { monitor } = await processesOf(init.id);
    process.kill(monitor, 'SIGSTOP');
    t.teardown(() => process.kill(monitor, 'SIGCONT'));
    await killDaemon();

    const other = await fixture.shim(t, { args: ['sh', '-c', 'exit 4'] });
    await other.task.create(createRequest(other.bundle));
    await other.task.start({ id: other.bundle.id, execId: '' });
    t.is((await other.task.wait({ id: other.bundle.id, execId: '' })).exitStatus, 4);
    const { task } = await fixture.host.startShim(bundle);
    t.like(await task.state(init), { pid, status: Status.RUNNING });
    process.kill(monitor, 'SIGCONT');
    await task.kill({ ...init, signal: 9, all: false });
    t.is((await task.wait(init)).exitStatus, 137);
  });

  test.serial('a signal for a container that ended while the daemon stood still is told that', async (t) => {
    const { task, init, pid } = await fixture.running(t, [
      'sh',
      '-c',
      'trap "exit 9" TERM; while :; do sleep 0.02; done',
    ]);
    await eventsAreTaken();
    const { monitor } = await processesOf(init.id);
    const daemon = await daemonOf(fixture.host.runDir);
    if (daemon === undefined) throw new Error('there is no daemon to stop');
    process.kill(daemon, 'SIGSTOP');
    const killed = task.kill({ ...init, signal: 9, all: false });
    process.kill(pid, 'SIGTERM');
    await eventually(async () => ((await isAlive(monitor)) ? undefined : true));
    process.kill(daemon, 'SIGCONT');

    t.is((await t.throwsAsync<StatusError>(killed)).code, Code.NotFound);
    t.is((await task.wait(init)).exitStatus, 9);
    await task.delete(init);
    const topics = await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
    t.deepEqual(topics, ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete']);
  });

  for (const victim of ['monitor', 'driver'] as const) {
    test.serial(`a container whose ${victim} is killed ends, and that is told`, async (t) => {
      const { task, init, pid } = await fixture.running(t, ['sleep', '1000']);
      process.kill((await processesOf(init.id))[victim], 'SIGKILL');
      t.is((await task.wait(init)).exitStatus, 137);
      await eventually(async () => ((await isAlive(pid)) ? undefined : true));
      await task.delete(init);
      const topics = await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
      t.deepEqual(topics, ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete']);
    });
  }
}
