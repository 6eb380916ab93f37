import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { TaskExit } from '../../../proto/gen/containerd/events/task.ts';
import { Status } from '../../../proto/gen/containerd/v1/types/task.ts';
import { StateResponse, TaskDefinition as TaskV2 } from '../../../proto/gen/containerd/task/v2/task.ts';
import { TaskDefinition as TaskV3 } from '../../../proto/gen/containerd/task/v3/task.ts';

const root = path.resolve(import.meta.dirname, '../../..');

async function contents(dir: string): Promise<Record<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const pairs = files.map(async (file) => [path.relative(dir, file), await readFile(file, 'utf8')] as const);
  return Object.fromEntries((await Promise.all(pairs)).sort());
}

test('proto/gen is what the .proto files generate', async (t) => {
  const out = await mkdtemp(path.join(tmpdir(), 'lxcri-proto-'));
  t.teardown(() => rm(out, { recursive: true }));
  await execa('node', ['packaging/build/generate-proto.mjs', '--out', out], { cwd: root, timeout: 60_000 });
  const fresh = await contents(out);
  t.true(Object.keys(fresh).length >= 13);
  t.deepEqual(await contents(path.join(root, 'proto/gen')), fresh, 'run `npm run proto` and commit');
});

test('v2 and v3 have the same methods with the same messages', (t) => {
  t.is(TaskV2.fullName, 'containerd.task.v2.Task');
  t.is(TaskV3.fullName, 'containerd.task.v3.Task');
  t.is(Object.keys(TaskV2.methods).length, 17);
  t.deepEqual(TaskV3.methods, TaskV2.methods);
});

test('the year 1, as a running task reports its exit time, keeps its sign', (t) => {
  const exitedAt = { seconds: -62135596800n, nanos: 0 };
  const state: StateResponse = {
    id: 'a',
    bundle: '',
    pid: 7,
    status: Status.RUNNING,
    stdin: '',
    stdout: '',
    stderr: '',
    terminal: false,
    exitStatus: 0,
    exitedAt,
    execId: '',
  };
  t.deepEqual(StateResponse.decode(StateResponse.encode(state).finish()), state);
});

test('a TaskExit has the field numbers and types of the contract', (t) => {
  const exit: TaskExit = {
    containerId: 'c',
    id: 'e',
    pid: 300,
    exitStatus: 137,
    exitedAt: { seconds: 1n, nanos: 2 },
  };
  const bytes = Buffer.from(TaskExit.encode(exit).finish()).toString('hex');
  t.is(bytes, '0a0163' + '120165' + '18ac02' + '208901' + '2a04' + '0801' + '1002');
});
