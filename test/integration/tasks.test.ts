import test from 'ava';
import { eventually } from '../support/eventually.ts';
import { isAlive, processInfo } from '../support/processes.ts';
import { useContainerd } from '../support/with-containerd.ts';

const fixture = useContainerd(test);

/** A task's line of `ctr tasks ls`. */
async function taskOf(id: string): Promise<{ pid: number; status: string } | undefined> {
  const { stdout } = await fixture.containerd.ctr(['tasks', 'ls']);
  const row = stdout.split('\n').find((line) => line.startsWith(`${id} `));
  const [, pid, status] = row?.split(/\s+/) ?? [];
  return pid === undefined || status === undefined ? undefined : { pid: Number(pid), status };
}

/** Waits until `ctr tasks ps` shows so many processes. */
async function pidsOf(id: string, count: number): Promise<number[]> {
  return eventually(async () => {
    const { stdout } = await fixture.containerd.ctr(['tasks', 'ps', id]);
    const pids = stdout.match(/^\d+/gm)?.map(Number) ?? [];
    return pids.length === count ? pids : undefined;
  });
}

async function stopped(id: string): Promise<number> {
  return eventually(async () => {
    const task = await taskOf(id);
    return task?.status === 'STOPPED' ? task.pid : undefined;
  });
}

test('ctr tasks ls: a real pid, while it runs and afterwards', async (t) => {
  const id = await fixture.runDetached(t, ['sleep', '1000']);
  const task = await taskOf(id);
  t.is(task?.status, 'RUNNING');
  t.is((await processInfo(task?.pid ?? 0))?.command, 'sleep 1000');
  await fixture.containerd.ctr(['tasks', 'kill', '--signal', 'SIGKILL', id]);
  t.is(await stopped(id), task?.pid ?? -1);
});

test('ctr tasks kill: signals by name and by number', async (t) => {
  const script = `trap 'echo usr1' USR1; trap 'echo usr2; exit 9' USR2; read go; echo ready; while :; do sleep 60 & wait; done`;
  const id = await fixture.runDetached(t, ['sh', '-c', script]);
  const attached = fixture.containerd.spawnCtr(['tasks', 'attach', id], { stdin: 'pipe' });
  attached.stdin?.write('go\n');
  let seen = '';
  attached.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await eventually(() => seen.includes('ready') || undefined);
  await fixture.containerd.ctr(['tasks', 'kill', '--signal', 'SIGUSR1', id]);
  await eventually(() => seen.includes('usr1') || undefined);
  await fixture.containerd.ctr(['tasks', 'kill', '--signal', '12', id]);
  t.is((await attached).exitCode, 9);
  t.is(seen, 'ready\nusr1\nusr2\n');
});

test('ctr tasks kill of a task that has ended says so', async (t) => {
  const id = await fixture.runDetached(t, ['true']);
  await stopped(id);
  const { code, stderr } = await fixture.containerd.tryCtr(['tasks', 'kill', id]);
  t.is(code, 1);
  t.regex(stderr, /process already finished: not found/);
});

test('ctr tasks kill --all reaches every process', async (t) => {
  const id = await fixture.runDetached(t, ['sh', '-c', 'sleep 1001 & sleep 1002 & wait']);
  const pids = await pidsOf(id, 3);
  await fixture.containerd.ctr(['tasks', 'kill', '--all', '--signal', 'SIGKILL', id]);
  await stopped(id);
  t.deepEqual(await Promise.all(pids.map(isAlive)), [false, false, false]);
});

test('ctr tasks ps lists what runs in the container, by its pids on the host', async (t) => {
  const id = await fixture.runDetached(t, ['sh', '-c', 'sleep 1003 & wait']);
  const pids = await pidsOf(id, 2);
  const commands = await Promise.all(pids.map(async (pid) => (await processInfo(pid))?.command));
  t.deepEqual(commands.sort(), ['sh -c sleep 1003 & wait', 'sleep 1003']);
  t.true(pids.includes((await taskOf(id))?.pid ?? 0));
});

test('ctr tasks rm refuses a running task, and takes it with --force', async (t) => {
  const id = await fixture.runDetached(t, ['sleep', '1000']);
  const refused = await fixture.containerd.tryCtr(['tasks', 'rm', id]);
  t.is(refused.code, 1);
  t.is((await taskOf(id))?.status, 'RUNNING');
  await fixture.containerd.tryCtr(['tasks', 'rm', '--force', id]);
  t.is(await taskOf(id), undefined);
});

test('a container can be started again after its task was removed', async (t) => {
  const id = await fixture.runDetached(t, ['sleep', '1000']);
  await fixture.containerd.tryCtr(['tasks', 'rm', '--force', id]);
  await fixture.containerd.ctr(['tasks', 'start', '--detach', id]);
  t.is((await taskOf(id))?.status, 'RUNNING');
});

test('two containers with the same id: the second is refused, the first goes on', async (t) => {
  const id = await fixture.runDetached(t, ['sleep', '1000']);
  const { code, stderr } = await fixture.containerd.tryCtr(fixture.runArgs([], ['true'], { id }));
  t.is(code, 1);
  t.regex(stderr, /already exists/);
  t.is((await taskOf(id))?.status, 'RUNNING');
});
