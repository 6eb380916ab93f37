import { access, writeFile } from 'node:fs/promises';
import test from 'ava';
import { eventually } from '../support/eventually.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import type { TestSpec } from '../support/shim-bundle.ts';
import { withoutDaemon } from '../support/shim-processes.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);
const MIB = 1024 * 1024;
const EAT = 'x=$(head -c 60000000 /dev/zero | tr "\\0" x); echo ${#x}';
/** The kernel may take init as well where the child is slow to go: this says which it shall take. */
const CHILD_EATS = `(echo 1000 > /proc/self/oom_score_adj; ${EAT})`;

const edit = (spec: TestSpec) => {
  spec.linux['resources'] = { memory: { limit: 20 * MIB, swap: 20 * MIB } };
};

const topics = (id: string) => fixture.host.events.of(id).map(({ topic }) => topic);

test('a container that wants too much: first the event, then its end', async (t) => {
  const { task, init } = await fixture.running(t, ['sh', '-c', EAT], { edit });
  t.is((await task.wait(init)).exitStatus, 137);
  await task.delete(init);
  const seen = await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
  t.deepEqual([...new Set(seen)], ['/tasks/create', '/tasks/start', '/tasks/oom', '/tasks/exit', '/tasks/delete']);
  t.is(fixture.host.events.of(init.id).find(({ topic }) => topic === '/tasks/oom')?.containerId, init.id);
});

test('a child that wants too much: the event, and the container lives', async (t) => {
  const { task, init } = await fixture.running(t, ['sh', '-c', `${CHILD_EATS}; sleep 1000`], { edit });
  await eventually(() => topics(init.id).includes('/tasks/oom') || undefined);
  t.is((await task.state(init)).status, Status.RUNNING);
});

test('no limit, no event', async (t) => {
  const { task, init } = await fixture.running(t, ['sh', '-c', EAT]);
  t.is((await task.wait(init)).exitStatus, 0);
  await task.delete(init);
  t.false((await fixture.host.events.topicsThrough(init.id, '/tasks/delete')).includes('/tasks/oom'));
});

if (RUNTIME !== RUNC) {
  test.serial('while no daemon lives: the next one tells it, once', async (t) => {
    const script = `trap ":" USR1; while ! [ -e /tmp/go ]; do sleep 0.05; done; ${CHILD_EATS}; touch /tmp/done; sleep 1000`;
    const { init, bundle, pid } = await fixture.running(t, ['sh', '-c', script], { edit });
    await fixture.host.events.topicsThrough(init.id, '/tasks/start');
    await withoutDaemon(fixture.host.runDir, async () => {
      await writeFile(`/proc/${pid}/root/tmp/go`, '');
      await eventually(() =>
        access(`/proc/${pid}/root/tmp/done`).then(
          () => true,
          () => undefined,
        ),
      );
    });
    const { task } = await fixture.host.startShim(bundle);
    await eventually(() => topics(init.id).includes('/tasks/oom') || undefined);
    await task.kill({ ...init, signal: 9, all: true });
    await task.wait(init);
    await task.delete(init);
    const seen = await fixture.host.events.topicsThrough(init.id, '/tasks/delete');
    t.is(seen.filter((topic) => topic === '/tasks/oom').length, 1);
  });
}
