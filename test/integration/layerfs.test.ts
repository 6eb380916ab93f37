import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import type { RootfsEntry } from '../support/busybox-rootfs.ts';
import { eventually } from '../support/eventually.ts';
import { BUSYBOX_IMAGE, type Image } from '../support/oci-image.ts';
import { useContainerd } from '../support/with-containerd.ts';

const directory = (name: string): RootfsEntry => ({ type: 'directory', name, mode: 0o755 });
const file = (name: string, text: string, mode = 0o644): RootfsEntry => {
  return { type: 'file', name, mode, content: Buffer.from(text) };
};

/** Each layer changes what the one below has: replaces, deletes, hides a directory. */
const LAYERED: Image = {
  name: 'docker.io/library/layered:latest',
  layers: [
    [
      directory('data'),
      file('data/kept', 'kept\n'),
      file('data/replaced', 'old\n'),
      file('data/deleted', 'x'),
      directory('data/hidden'),
      file('data/hidden/below', 'x'),
    ],
    [
      directory('data'),
      file('data/replaced', 'new\n'),
      file('data/.wh.deleted', ''),
      directory('data/hidden'),
      file('data/hidden/.wh..wh..opq', ''),
      file('data/hidden/above', 'x'),
    ],
    [directory('data'), file('data/setuid', '#!/bin/sh\n', 0o4755)],
  ],
};

const LAYERS = 4;

const fixture = useContainerd(test, { layerFs: true, images: [BUSYBOX_IMAGE, LAYERED] });

interface Snapshot {
  readonly key: string;
  readonly parent: string;
  readonly kind: string;
}

async function listSnapshots(): Promise<Snapshot[]> {
  const { stdout } = await fixture.containerd.ctr(['snapshots', '--snapshotter', 'layerfs', 'ls']);
  const rows = stdout.trim().split('\n').slice(1);
  return rows.map((row) => {
    const words = row.trim().split(/\s+/);
    return { key: words[0] ?? '', parent: words.length === 3 ? (words[1] ?? '') : '', kind: words.at(-1) ?? '' };
  });
}

const runLayered = (id: string, flags: readonly string[], command: readonly string[]) =>
  fixture.containerd.tryCtr([
    'run',
    '--runtime',
    'io.containerd.lxcri.v1',
    '--snapshotter',
    'layerfs',
    ...flags,
    LAYERED.name,
    id,
    ...command,
  ]);

/** What of a container's writes is in its snapshot, for as long as the container is there. */
async function detached(t: ExecutionContext, command: readonly string[]): Promise<string> {
  return fixture.runDetached(t, command);
}

test.serial('an image’s layers are one chain of committed snapshots', async (t) => {
  const committed = (await listSnapshots()).filter(({ kind }) => kind === 'Committed');
  t.is(committed.length, LAYERS);
  t.deepEqual(committed.map(({ parent }) => parent).filter((parent) => parent !== '').length, LAYERS - 1);
});

test.serial('a container sees the layers as one file system', async (t) => {
  const script = 'cd /data; cat kept replaced; ls -A . hidden; stat -c %a setuid; echo written > new; cat new';
  const { code, stdout, stderr } = await runLayered(fixture.newId(), ['--rm'], ['sh', '-c', script]);
  t.is(stderr, '');
  t.is(code, 0);
  const lines = [
    'kept',
    'new',
    '.:',
    'hidden',
    'kept',
    'replaced',
    'setuid',
    '',
    'hidden:',
    'above',
    '4755',
    'written',
  ];
  t.deepEqual(stdout.trimEnd().split('\n'), lines);
});

test.serial('what a container writes is its own, and stays while the container does', async (t) => {
  const { containerd } = fixture;
  const id = await detached(t, ['sh', '-c', 'echo mine > /mine; exec sleep 1000']);
  const other = await fixture.run(['ls', '/mine']);
  t.is(other.code, 1);
  const key = (await listSnapshots()).find((snapshot) => snapshot.key === id);
  t.is(key?.kind, 'Active');
  await eventually(async () => {
    const { stdout } = await containerd.ctr(['snapshots', '--snapshotter', 'layerfs', 'usage', id]);
    return stdout.includes(id) ? true : undefined;
  });
  await containerd.ctr(['tasks', 'kill', '--signal', 'SIGKILL', id]);
  await eventually(async () => ((await containerd.tryCtr(['tasks', 'rm', id])).code === 0 ? true : undefined));
  await containerd.ctr(['tasks', 'start', '--detach', id]);
  const diff = await execa('ctr', ['snapshots', '--snapshotter', 'layerfs', 'diff', id], {
    env: containerd.environment,
    encoding: 'buffer',
    timeout: 60_000,
  });
  t.true(gunzipSync(diff.stdout).includes('mine'));
});

test.serial('thirty containers at once, each with a snapshot of its own', async (t) => {
  const runs = Array.from({ length: 30 }, (_, i) =>
    fixture.run(['sh', '-c', `echo ${i} > /own; cat /own; ls / | grep -c own`]),
  );
  const results = await Promise.all(runs);
  t.deepEqual(
    results.map(({ stdout, stderr }) => stdout + stderr),
    results.map((_, i) => `${i}\n1\n`),
  );
});

test.serial('the daemon may die at any time: layers stay, and containerd finds the next one', async (t) => {
  const { containerd } = fixture;
  const id = await detached(t, ['sh', '-c', 'echo before > /file; exec sleep 1000']);
  const before = await listSnapshots();
  await containerd.snapshotter.restart('SIGKILL');
  // containerd connects again once it has waited a second, and answers Unavailable until then.
  t.deepEqual(await eventually(listSnapshots), before);
  t.is((await fixture.run(['echo', 'again'])).stdout, 'again\n');
  t.true((await containerd.ctr(['tasks', 'ls'])).stdout.includes(id));
});

test.serial('an image that is removed leaves nothing in the store', async (t) => {
  const { containerd } = fixture;
  await containerd.ctr(['images', 'rm', '--sync', LAYERED.name, BUSYBOX_IMAGE.name]);
  const left = async () => readdir(path.join(containerd.snapshotter.root, 'snapshots'));
  await eventually(async () => ((await left()).length === 0 ? true : undefined));
  t.deepEqual(await left(), []);
});
