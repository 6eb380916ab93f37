import { lstat, mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { findLayersInUse } from '../../../../../snapshotter/stores/overlay/layers-in-use.ts';
import { overlayBed } from '../../support/overlay-bed.ts';

const labels = {};

test('whatever a layer holds goes with it, and nothing else', async (t) => {
  const bed = await overlayBed(t);
  await bed.layerFs.prepare({ key: 'key', parent: '', labels });
  const content = `${bed.snapshots}/1/fs`;
  const outside = path.join(bed.root, 'outside');
  await writeFile(outside, '');
  await symlink(bed.root, `${content}/out`);
  await mkdir(Buffer.concat([Buffer.from(`${content}/`), Buffer.from([0xff, 0x0a])]));
  await mkdir(`${content}/-rf`);
  const level = 'd'.repeat(200);
  const deep = `for i in $(seq 60); do mkdir ${level} && cd -P ${level} || exit 1; done`;
  await execa('bash', ['-c', deep], { cwd: content });
  await execa('bash', ['-c', 'mkdir many && cd many && seq 128000 | xargs touch'], { cwd: content });
  await writeFile(`${content}/immutable`, '');
  await execa('chattr', ['+i', `${content}/immutable`]);
  await mkdir(`${content}/append`);
  await execa('chattr', ['+a', `${content}/append`]);
  await bed.layerFs.remove('key');
  t.deepEqual(await readdir(bed.snapshots), ['removed-1']);
  await bed.layerFs.cleanup();
  t.deepEqual(await readdir(bed.snapshots), []);
  t.deepEqual(bed.layerFs.sweeper.waiting, []);
  t.true((await lstat(outside)).isFile());
});

test('what is mounted stays until it is not, with all below it', async (t) => {
  const bed = await overlayBed(t);
  const { layerFs } = bed;
  await bed.layer('1', '', (directory) => writeFile(path.join(directory, 'file'), 'below'));
  const top = await bed.mount(await layerFs.prepare({ key: 'top', parent: '1', labels }));
  const bind = await bed.mount(await layerFs.prepare({ key: 'bind', parent: '', labels }));
  for (const name of ['top', 'bind', '1']) await layerFs.remove(name);
  await layerFs.cleanup();
  t.deepEqual(
    layerFs.sweeper.waiting.map(({ layer }) => layer.id),
    ['2', '3', '1'],
  );
  t.regex(layerFs.sweeper.waiting[0]?.reason ?? '', /mounted/);
  t.deepEqual(await readdir(top), ['file']);
  await writeFile(path.join(top, 'file'), 'still works');
  await writeFile(path.join(bind, 'file'), '');
  // Nor at the next start.
  await bed.reopen();
  await bed.layerFs.cleanup();
  t.is(bed.layerFs.orphans.left.length, 3);
  await execa('umount', [top, bind]);
  await bed.layerFs.cleanup();
  t.deepEqual(await readdir(bed.snapshots), []);
});

test('what is mounted in a layer is not removed with it', async (t) => {
  const bed = await overlayBed(t);
  await bed.layerFs.prepare({ key: 'key', parent: '', labels });
  const precious = path.join(bed.root, 'precious');
  await mkdir(precious);
  await writeFile(path.join(precious, 'file'), '');
  await mkdir(`${bed.snapshots}/1/fs/home`);
  // On the same file system, where rm(1) sees no difference.
  await execa('mount', ['--bind', precious, `${bed.snapshots}/1/fs/home`]);
  await bed.layerFs.remove('key');
  await bed.layerFs.cleanup();
  t.deepEqual(await readdir(precious), ['file']);
  t.is(bed.layerFs.sweeper.waiting.length, 1);
});

test('a half-destroyed layer does not come back, though it was never let go of', async (t) => {
  const bed = await overlayBed(t);
  await bed.layerFs.prepare({ key: 'key', parent: '', labels });
  bed.layerFs.store.discard = () => Promise.reject(new Error('cut off'));
  await bed.layerFs.remove('key');
  await bed.layerFs.prepare({ key: 'key', parent: '', labels: { second: 'yes' } });
  await bed.reopen();
  t.is(bed.layerFs.stat('key').labels['second'], 'yes');
  await bed.layerFs.cleanup();
  t.deepEqual(await readdir(bed.snapshots), ['2']);
});

test('one that cannot be let go of keeps no other', async (t) => {
  const bed = await overlayBed(t);
  for (const key of ['1', '2']) await bed.layerFs.prepare({ key, parent: '', labels });
  await mkdir(`${bed.snapshots}/removed-1/in the way`, { recursive: true });
  for (const key of ['1', '2']) await bed.layerFs.remove(key);
  await bed.layerFs.cleanup();
  t.deepEqual(
    bed.layerFs.sweeper.waiting.map(({ layer }) => layer.id),
    ['1'],
  );
  await rename(`${bed.snapshots}/removed-1`, path.join(bed.root, 'away'));
  await bed.layerFs.cleanup();
  t.deepEqual(await readdir(bed.snapshots), []);
});

test('mounts are known by where they come from, where they are and what they stack', (t) => {
  const mounts = [
    '29 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw',
    '30 29 8:1 /var/lib/layerfs/snapshots/1/fs /mnt/a rw - ext4 /dev/sda1 rw',
    '31 29 8:1 /var/lib/layerfs/snapshots/removed-2/fs/etc/hosts /mnt/b rw - ext4 /dev/sda1 rw',
    '32 29 8:1 /layerfs/snapshots/3/fs /mnt/c rw - ext4 /dev/sda1 rw',
    '33 29 8:1 /elsewhere/snapshots/90/fs /mnt/90 rw - ext4 /dev/sda1 rw',
    '34 29 8:1 /90/fs /var/lib/layerfs/snapshots/4/fs/5/x rw - ext4 /dev/sda1 rw',
    '35 29 0:9 / /mnt/d rw - overlay overlay rw,lowerdir=6/fs:7/fs,upperdir=/link/snapshots/8/fs,workdir=/link/snapshots/8/work',
    '36 29 0:9 / /mnt/e ro - overlay overlay ro,lowerdir=/link/snapshots/9/fs:/link/snapshots/10/fs,index=off',
    '37 29 0:9 / /mnt/f rw - overlay overlay rw,lowerdir=91/fs:92/fs,upperdir=/other/snapshots/93/fs,workdir=/other/93/work',
    '38 29 8:1 /var/lib/layerfs/snapshots/12/fs//deleted /mnt/with\\040space rw - ext4 /dev/sda1 rw',
  ];
  const found = findLayersInUse(`${mounts.join('\n')}\n`, '/link/snapshots', '/var/lib/layerfs/snapshots');
  t.deepEqual(
    [...found].map(Number).toSorted((a, b) => a - b),
    [1, 2, 3, 4, 6, 7, 8, 9, 10, 12],
  );
});
