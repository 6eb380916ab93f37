import test from 'ava';
import { eventually } from '../support/eventually.ts';
import { isAlive, listProcesses } from '../support/processes.ts';
import { useContainerd } from '../support/with-containerd.ts';

const fixture = useContainerd(test);

const rows = async () => (await fixture.containerd.ctr(['tasks', 'ls'])).stdout.split('\n');
const rowOf = async (id: string) => (await rows()).find((line) => line.startsWith(`${id} `)) ?? '';

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test.serial(`containerd comes back after ${signal}: the container has not noticed`, async (t) => {
    const id = await fixture.runDetached(t, ['sh', '-c', 'read line; echo "got $line"; exit 6']);
    const before = await rowOf(id);
    t.regex(before, /RUNNING/);
    await fixture.containerd.restart(signal);
    t.is(await rowOf(id), before);

    const attached = fixture.containerd.spawnCtr(['tasks', 'attach', id], { stdin: 'pipe' });
    attached.stdin?.write('it\n');
    const { exitCode, stdout } = await attached;
    t.deepEqual({ exitCode, stdout }, { exitCode: 6, stdout: 'got it\n' });
  });
}

test.serial('a container that ends while containerd is away keeps its exit status', async (t) => {
  const id = await fixture.runDetached(t, ['sh', '-c', 'sleep 1000; exit 8']);
  const init = Number((await rowOf(id)).split(/\s+/)[1]);
  const child = await eventually(async () => (await listProcesses()).find(({ parent }) => parent === init)?.pid);
  await fixture.containerd.terminate('SIGKILL');
  process.kill(child, 'SIGKILL'); // whereupon the shell goes on to its `exit 8`
  await eventually(async () => ((await isAlive(init)) ? undefined : true));
  await fixture.containerd.launch();
  t.regex(await rowOf(id), /STOPPED/);
  const { stderr } = await fixture.containerd.tryCtr(['tasks', 'rm', id]);
  t.regex(stderr, /non-zero exit code 8/);
});

test.serial('new containers run after a restart', async (t) => {
  await fixture.containerd.restart();
  t.deepEqual(await fixture.run(['sh', '-c', 'echo again; exit 2']), { code: 2, stdout: 'again\n', stderr: '' });
});
