import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { useContainerd } from '../../support/with-containerd.ts';

/* Checkpoints as containerd's own client makes them. */
const fixture = useContainerd(test, { lingerMs: 10_000 });

const COUNTER = 'trap "exit 9" TERM; i=0; while :; do i=$((i+1)); echo $i > /run/count; sleep 0.1; done';

/** What the container has counted to. */
async function count(id: string): Promise<number> {
  const { stdout } = await fixture.containerd.ctr([
    'tasks',
    'exec',
    '--exec-id',
    `e${Date.now()}`,
    id,
    'cat',
    '/run/count',
  ]);
  return Number(stdout);
}

const status = async (id: string) =>
  /\b(RUNNING|PAUSED|STOPPED)\b/.exec((await fixture.containerd.ctr(['tasks', 'ls'])).stdout.split(id)[1] ?? '')?.[0];

test.serial('ctr containers checkpoint, and restore --live', async (t) => {
  const { containerd } = fixture;
  const id = await fixture.runDetached(t, ['sh', '-c', COUNTER]);
  await containerd.ctr(['containers', 'checkpoint', '--rw', '--task', id, 'kept:1']);
  t.teardown(() => containerd.tryCtr(['images', 'rm', 'kept:1']));
  t.is(await status(id), 'RUNNING');
  const before = await count(id);
  await containerd.ctr(['tasks', 'kill', '--signal', 'SIGTERM', id]);
  await eventually(async () => ((await status(id)) === 'STOPPED' ? true : undefined));
  await containerd.tryCtr(['tasks', 'rm', id]);

  const restored = fixture.idFor(t);
  await containerd.ctr(['containers', 'restore', '--live', restored, 'kept:1']);
  t.is(await status(restored), 'RUNNING');
  const after = await count(restored);
  t.true(after > 1, `${before} ${after}`);
  t.true((await count(restored)) > after);
  await containerd.ctr(['tasks', 'kill', '--signal', 'SIGTERM', restored]);
  await eventually(async () => ((await status(restored)) === 'STOPPED' ? true : undefined));
  // ctr's own exit status is the task's.
  t.is((await containerd.tryCtr(['tasks', 'rm', restored])).stderr.includes('exit code 9'), true);
});

test.serial('ctr tasks checkpoint', async (t) => {
  const { containerd } = fixture;
  const id = await fixture.runDetached(t, ['sh', '-c', COUNTER]);
  const { stdout } = await containerd.ctr(['tasks', 'checkpoint', id]);
  t.regex(stdout, /^containerd\.io\/checkpoint\/|checkpoint/);
  t.is(await status(id), 'RUNNING');
});
