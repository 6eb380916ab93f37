import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Code } from '../../common/errors.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { eventsTaken } from '../support/event-journals.ts';
import { eventually } from '../support/eventually.ts';
import { ExecRun, newExec } from '../support/execs.ts';
import { isAlive } from '../support/processes.ts';
import { refusalOf } from '../support/refusal.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { daemonOf, killDaemon, monitorOf } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

/* What is left of execs when one of the processes that keep them is killed. */
const fixture = useShimHost(test);
const SLEEP = ['sleep', '1000'];
const UNTIL_TERM = ['sh', '-c', 'trap "exit 9" TERM; echo ready; while :; do sleep 0.02; done'];

if (RUNTIME !== RUNC) {
  test.serial('a new daemon finds execs that were added, run, and have ended', async (t) => {
    const container = await fixture.running(t, SLEEP);
    const { bundle, init } = container;
    const added = await newExec(container).add(['sh', '-c', 'exit 5']);
    const running = await newExec(container).add(SLEEP);
    const runningPid = await running.start();
    const ending = await newExec(container).add(UNTIL_TERM);
    const endingPid = await ending.start();
    const ended = await newExec(container).add(['sh', '-c', 'exit 3']);
    await ended.start();
    await ended.wait();
    await eventually(async () => (await ending.stdout()).includes('ready') || undefined);

    await killDaemon(fixture.host.runDir);
    process.kill(endingPid, 'SIGTERM');
    await eventually(async () => ((await isAlive(endingPid)) ? undefined : true));

    const { task } = await fixture.host.startShim(bundle);
    const again = (exec: ExecRun) => new ExecRun({ task, bundle, init }, exec.ref.execId);
    t.like(await again(added).state(), { status: Status.CREATED, pid: 0 });
    t.like(await again(running).state(), { status: Status.RUNNING, pid: runningPid });
    t.like(await again(ending).state(), { status: Status.STOPPED, exitStatus: 9, pid: endingPid });
    t.like(await again(ended).state(), { status: Status.STOPPED, exitStatus: 3 });
    await again(added).start();
    t.is((await again(added).wait()).exitStatus, 5);
    await again(running).kill(9);
    t.is((await again(running).wait()).exitStatus, 137);
    for (const exec of [added, running, ending, ended]) await again(exec).delete();
    t.is((await refusalOf(again(ended).state())).code, Code.NotFound);

    await task.kill({ ...init, signal: 9, all: false });
    await task.wait(init);
    await task.delete(init);
    const topics = await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
    const count = (topic: string) => topics.filter((each) => each === topic).length;
    // An event is told again when the daemon dies between containerd's taking it and the note of that.
    t.true(count('/tasks/exec-added') >= 4 && count('/tasks/exec-started') >= 4 && count('/tasks/exit') >= 5);
    t.deepEqual(topics.slice(-2), ['/tasks/exit', '/tasks/delete']);
  });

  test.serial('the daemon killed while it deletes an exec: another one gets its id, and all its events', async (t) => {
    const { bundle, init, task } = await fixture.running(t, SLEEP);
    const run = async (through: typeof task) => {
      const exec = await new ExecRun({ task: through, bundle, init }, 'again').add(['true']);
      await exec.start();
      await exec.wait();
      return exec;
    };
    await run(task);
    await eventsTaken(fixture.host.runDir);
    await killDaemon(fixture.host.runDir);
    // As far as the delete had come: of its files none is left, and the journal does not know it yet.
    const execs = path.join(fixture.host.runDir, 'containers', fixture.host.namespace, init.id, 'execs');
    await Promise.all(['again.plan', 'again.status'].map((name) => rm(path.join(execs, name))));

    const next = await fixture.host.startShim(bundle);
    const before = fixture.host.events.of(init.id).length;
    const exec = await run(next.task);
    await exec.delete();
    const events = await eventually(() => {
      const since = fixture.host.events.of(init.id).slice(before);
      return since.length >= 3 ? since : undefined;
    });
    t.deepEqual(
      events.map(({ topic, id }) => `${topic} ${id}`),
      ['/tasks/exec-added again', '/tasks/exec-started again', '/tasks/exit again'],
    );
  });

  test.serial('the daemon killed while a hundred execs start and end loses none', async (t) => {
    t.timeout(60_000);
    const container = await fixture.running(t, SLEEP);
    const { bundle, init } = container;
    const execs = await Promise.all(
      Array.from({ length: 100 }, (_, index) => newExec(container, `many-${index}`).add(['sh', '-c', `exit ${index}`])),
    );
    const starts = execs.map((exec) => exec.start().catch(() => undefined));
    await starts[20];
    await killDaemon(fixture.host.runDir);
    await Promise.all(starts);
    const { task } = await fixture.host.startShim(bundle);
    for (const [index, { ref }] of execs.entries()) {
      const exec = new ExecRun({ task, bundle, init }, ref.execId);
      // Those whose start was not answered are started again, as containerd's client would; one that runs is running.
      if ((await exec.state()).status === Status.CREATED) await exec.start().catch(() => undefined);
      t.is((await exec.wait()).exitStatus, index);
      await exec.delete();
    }
  });

  test.serial('a start that the monitor hears of when the next daemon is there already', async (t) => {
    const { runDir, namespace } = fixture.host;
    const created = await Promise.all(Array.from({ length: 3 }, () => fixture.created(t, { args: SLEEP })));
    const running = await Promise.all(Array.from({ length: 3 }, () => fixture.running(t, SLEEP)));
    const execs = await Promise.all(running.map((container) => newExec(container).add(['sh', '-c', 'exit 4'])));
    const monitors = await Promise.all(
      [...created, ...running].map(async ({ init }) => (await monitorOf(runDir, namespace, init.id)).monitor),
    );
    for (const monitor of monitors) process.kill(monitor, 'SIGSTOP');
    const starts = Promise.all([
      ...created.map(({ task, init }) => task.start(init).then(({ pid }) => pid)),
      ...execs.map((exec) => exec.start()),
    ]);
    // Long enough for the daemon to have told the monitors.
    await Promise.race([starts, sleep(300)]);
    await killDaemon(runDir);
    await eventually(() => daemonOf(runDir));
    await sleep(200);
    for (const monitor of monitors) process.kill(monitor, 'SIGCONT');
    t.true((await starts).every((pid) => pid > 0));
    for (const exec of execs) t.is((await exec.wait()).exitStatus, 4);
  });

  test.serial('when the monitor is killed its execs have ended too', async (t) => {
    const container = await fixture.running(t, SLEEP);
    const exec = await newExec(container).add(SLEEP);
    const pid = await exec.start();
    const waiting = exec.wait();
    const { monitor } = await monitorOf(fixture.host.runDir, fixture.host.namespace, container.init.id);
    process.kill(monitor, 'SIGKILL');
    t.is((await waiting).exitStatus, 137);
    t.is((await container.task.wait(container.init)).exitStatus, 137);
    t.false(await isAlive(pid));
    t.is((await exec.delete()).exitStatus, 137);
    await container.task.delete(container.init);
  });
}
