import { rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { eventually } from '../support/eventually.ts';
import { BUSYBOX_IMAGE, writeImageArchive } from '../support/oci-image.ts';
import { LXCRI, RUNC } from '../support/runtimes.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { ContainerdInVm } from './containerd-in-vm.ts';
import { useLayerFs } from './with-layerfs.ts';

const fixture = useLayerFs(test);

const IMAGE = BUSYBOX_IMAGE.name;
const LAYERFS = ['--snapshotter', 'layerfs'];
const PATIENCE = { timeoutMs: 60_000, intervalMs: 500 };

let containerd: ContainerdInVm;

test.serial.before('import an image', async (t) => {
  t.timeout(300_000);
  containerd = await ContainerdInVm.start(fixture.vm);
  const directory = await makeTempDir();
  const archive = path.join(directory, 'images.tar');
  await writeImageArchive(archive);
  await fixture.vm.copyIn(archive, '/tmp/images.tar');
  await rm(directory, { recursive: true });
  const { exitCode, stderr } = await containerd.ctr('images', 'import', ...LAYERFS, '/tmp/images.tar');
  t.is(exitCode, 0, stderr);
});

const run = (id: string, flags: readonly string[], script: string, runtime = LXCRI) =>
  containerd.ctr('run', '--runtime', runtime, ...LAYERFS, ...flags, IMAGE, id, 'sh', '-c', script);

async function datasets(): Promise<string[]> {
  return (await fixture.vm.succeed(['zfs', 'list', '-H', '-r', '-o', 'name', fixture.dataset])).split('\n');
}

for (const runtime of [LXCRI, RUNC]) {
  test.serial(`a container runs on a dataset of its own: ${runtime}`, async (t) => {
    const script = 'echo "hello from $$"; echo x > /file; df / | tail -n 1 | cut -d / -f 1-2; exit 3';
    const { exitCode, stdout, stderr } = await run('hello', ['--rm'], script, runtime);
    t.is(stderr, '');
    t.deepEqual(stdout.trim().split('\n'), ['hello from 1', fixture.dataset]);
    t.is(exitCode, 3);
  });
}

test.serial('ten containers at once', async (t) => {
  const ids = Array.from({ length: 10 }, (_, i) => `many-${i}`);
  const results = await Promise.all(ids.map((id) => run(id, ['--rm'], `echo ${id} > /own; cat /own`)));
  t.deepEqual(
    results.map(({ stdout, stderr }) => stdout + stderr),
    ids.map((id) => `${id}\n`),
  );
});

test.serial('a container past its quota is told so, and no other', async (t) => {
  const write =
    'dd if=/dev/urandom of=/big bs=1M count=40 2>&1 | grep -o "No space.*\\|.*exceeded"; ls -s /big | cut -c1';
  const label = ['--snapshotter-label', 'containerd.io/snapshot/max-size=16M'];
  const [limited, free] = await Promise.all([run('limited', ['--rm', ...label], write), run('free', ['--rm'], write)]);
  t.regex(limited.stdout, /No space left on device|Disk quota exceeded/, limited.stdout + limited.stderr);
  t.notRegex(free.stdout, /No space|exceeded/);
});

test.serial('the changes of a running container can be read, and its parent viewed, while it writes', async (t) => {
  const { vm } = fixture;
  const started = await run('writer', ['--detach'], 'while :; do date > /mine; sleep 0.1; done');
  t.is(started.exitCode, 0, started.stderr);
  const { exitCode, stderr } = await vm.run([
    'sh',
    '-c',
    'ctr --address /var/lib/test-containerd/c.sock snapshots --snapshotter layerfs diff writer | tar -tzf - | grep -qx mine',
  ]);
  t.is(exitCode, 0, stderr);
  await containerd.ctr('tasks', 'rm', '--force', 'writer');
  t.is((await containerd.ctr('containers', 'rm', 'writer')).exitCode, 0);
});

test.serial('an image that is removed leaves no dataset', async (t) => {
  const { exitCode, stderr } = await containerd.ctr('images', 'rm', '--sync', IMAGE);
  t.is(exitCode, 0, stderr);
  await eventually(async () => ((await datasets()).length === 2 ? true : undefined), PATIENCE);
  t.deepEqual(await datasets(), [fixture.dataset, `${fixture.dataset}/empty`]);
});
