import { link, mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { diskUsage } from '../../../../../snapshotter/stores/overlay/disk-usage.ts';
import { makeTempDir } from '../../../../support/temp-dir.ts';
import { overlayBed } from '../../support/overlay-bed.ts';

/** What du(1) counts, which knows hard links and follows no symlinks. */
async function du(directory: string) {
  const count = async (...args: string[]) =>
    BigInt((await execa('du', ['-sx', ...args, directory])).stdout.split('\t')[0] ?? '');
  return { bytes: await count('--block-size=1'), inodes: await count('--inodes') };
}

/** Everything that a file system can hold. */
async function fill(directory: string): Promise<void> {
  const at = (...names: string[]) => path.join(directory, ...names);
  await mkdir(at('dir/deep/er'), { recursive: true });
  await writeFile(at('file'), 'x'.repeat(100_000));
  for (const name of ['link', 'dir/link', 'dir/deep/link']) await link(at('file'), at(name));
  await truncate(at('dir/sparse'), 1 << 30).catch(() => writeFile(at('dir/sparse'), ''));
  await truncate(at('dir/sparse'), 1 << 30);
  await symlink('/', at('out'));
  await symlink('dir', at('inside'));
  await link(at('inside'), at('second symlink'));
  await execa('mkfifo', [at('fifo')]);
  await execa('mknod', [at('whiteout'), 'c', '0', '0']);
  for (let i = 0; i < 300; i++) await writeFile(at('dir', i.toString()), '1'.repeat(i * 20));
  const odd = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe, 0x0a])]);
  await mkdir(odd);
  await writeFile(Buffer.concat([odd, Buffer.from([0x2f, 0xc3])]), 'not UTF-8');
}

/** Deeper than a path may be long. */
async function deep(directory: string, levels: number): Promise<void> {
  const script = `for i in $(seq ${levels.toString()}); do mkdir ${'d'.repeat(200)} && cd -P ${'d'.repeat(200)} || exit 1; done; echo x >file`;
  await execa('bash', ['-c', script], { cwd: directory });
}

test('usage is what du counts', async (t) => {
  const bed = await overlayBed(t);
  const directory = await bed.mount(await bed.layerFs.prepare({ key: 'key', parent: '', labels: {} }));
  await fill(directory);
  await execa('sync', ['-f', directory]);
  const expected = await du(`${bed.snapshots}/1/fs`);
  t.true(expected.inodes > 310n);
  t.deepEqual(await bed.layerFs.usage('key'), expected);
  await bed.layerFs.commit({ key: 'key', name: 'name', labels: {} });
  t.deepEqual(await bed.layerFs.usage('name'), expected);
  await rm(`${bed.snapshots}/1/fs/file`);
  await bed.reopen();
  t.deepEqual(await bed.layerFs.usage('name'), expected, 'a committed layer is counted once');
  await writeFile(`${bed.snapshots}/1/usage.json`, '\0\0\0');
  await bed.reopen();
  t.deepEqual(await bed.layerFs.usage('name'), await du(`${bed.snapshots}/1/fs`), 'unless that is damaged');
});

test('a layer is counted without those below it', async (t) => {
  const bed = await overlayBed(t);
  await bed.layer('1', '', fill);
  const directory = await bed.mount(await bed.layerFs.prepare({ key: 'key', parent: '1', labels: {} }));
  await rm(path.join(directory, 'file'));
  await writeFile(path.join(directory, 'new'), '');
  t.deepEqual(await bed.layerFs.usage('key'), await du(`${bed.snapshots}/2/fs`));
  t.is((await bed.layerFs.usage('key')).inodes, 3n);
  await bed.layerFs.view({ key: 'view', parent: '1', labels: {} });
  t.deepEqual(await bed.layerFs.usage('view'), { bytes: 0n, inodes: 0n });
});

test('a tree deeper than a path may be long is counted', async (t) => {
  const directory = await makeTempDir();
  t.teardown(() => execa('rm', ['-rf', directory]));
  await deep(directory, 120);
  await execa('sync', ['-f', directory]);
  t.deepEqual(await diskUsage(directory), await du(directory));
});

test('what is mounted in a tree does not count', async (t) => {
  const directory = await makeTempDir();
  t.teardown(() => rm(directory, { recursive: true }));
  await mkdir(path.join(directory, 'proc'));
  await execa('mount', ['-t', 'proc', 'proc', path.join(directory, 'proc')]);
  t.teardown(() => execa('umount', [path.join(directory, 'proc')]));
  t.is((await diskUsage(directory)).inodes, 1n);
});

test('a tree that changes is counted all the same, and nothing leads out of it', async (t) => {
  const directory = await makeTempDir();
  t.teardown(() => execa('rm', ['-rf', directory]));
  for (let i = 0; i < 20; i++) await mkdir(path.join(directory, i.toString(), 'a/b/c'), { recursive: true });
  const swap = 'while :; do for d in */a; do mv -T $d $d.x && ln -s /usr $d && rm $d && mv -T $d.x $d; done; done';
  const swapping = execa('bash', ['-c', swap], { cwd: directory, reject: false });
  for (let i = 0; i < 20; i++) {
    const { inodes } = await diskUsage(directory);
    t.true(inodes >= 21n && inodes <= 150n, inodes.toString());
  }
  swapping.kill('SIGKILL');
  await swapping;
});
