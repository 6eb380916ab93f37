import { chmod, chown, lstat, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { Code } from '../../../../../common/errors.ts';
import type { Layer } from '../../../../../snapshotter/layerfs/layer.ts';
import { LayerPaths } from '../../../../../snapshotter/stores/overlay/layer-paths.ts';
import { planMounts } from '../../../../../snapshotter/stores/overlay/mount-plan.ts';
import { refusalOf } from '../../../../support/refusal.ts';
import { openLayerFs, overlayBed } from '../../support/overlay-bed.ts';

const labels = {};
const write = (name: string, text: string) => (directory: string) => writeFile(path.join(directory, name), text);

test('three layers are one tree, and whiteouts hide what is below', async (t) => {
  const bed = await overlayBed(t);
  await bed.layer('1', '', async (directory) => {
    await write('file', 'one')(directory);
    await mkdir(path.join(directory, 'dir/deep'), { recursive: true });
    await write('dir/gone', 'one')(directory);
  });
  await bed.layer('2', '1', async (directory) => {
    await rm(path.join(directory, 'dir/gone'));
    await rm(path.join(directory, 'dir/deep'), { recursive: true });
    await write('second', 'two')(directory);
  });
  await bed.layer('3', '2', write('file', 'three'));
  await bed.reopen();
  const merged = await bed.mount(await bed.layerFs.prepare({ key: 'top', parent: '3', labels }));
  t.deepEqual((await readdir(merged, { recursive: true })).toSorted(), ['dir', 'file', 'second']);
  t.is(await readFile(path.join(merged, 'file'), 'utf8'), 'three');
  const middle = await bed.mount(await bed.layerFs.view({ key: 'view', parent: '1', labels }));
  t.is(await readFile(path.join(middle, 'file'), 'utf8'), 'one');
});

for (const depth of [0, 1, 2]) {
  test(`a view of ${depth.toString()} layers cannot be written`, async (t) => {
    const bed = await overlayBed(t);
    for (let i = 1; i <= depth; i++)
      await bed.layer(i.toString(), i === 1 ? '' : (i - 1).toString(), write('file', 'x'));
    const parent = depth === 0 ? '' : depth.toString();
    const view = await bed.mount(await bed.layerFs.view({ key: 'view', parent, labels }));
    await t.throwsAsync(writeFile(path.join(view, 'new'), ''), { code: 'EROFS' });
    t.is((await readdir(view)).length, depth === 0 ? 0 : 1);
  });
}

test('the root directory is like the parent’s, in the layer after next too', async (t) => {
  const bed = await overlayBed(t);
  await bed.layer('1', '', async (directory) => {
    await chown(directory, 12, 34);
    await chmod(directory, 0o3770);
  });
  await bed.layer('2', '1', write('file', ''));
  const merged = await bed.mount(await bed.layerFs.prepare({ key: 'top', parent: '2', labels }));
  const { mode, uid, gid } = await stat(merged);
  t.deepEqual([mode & 0o7777, uid, gid], [0o3770, 12, 34]);
  const bottom = await bed.mount(await bed.layerFs.prepare({ key: 'bottom', parent: '', labels }));
  t.is((await stat(bottom)).mode & 0o7777, 0o755);
});

test('nobody but root reaches layers', async (t) => {
  const bed = await overlayBed(t);
  await bed.layerFs.prepare({ key: 'key', parent: '', labels });
  for (const directory of [bed.snapshots, `${bed.snapshots}/1`]) t.is((await lstat(directory)).mode & 0o777, 0o700);
});

test('a commit keeps what is mounted writable, and else removes what only a mount needs', async (t) => {
  const bed = await overlayBed(t);
  await bed.layer('1', '', write('file', 'below'));
  const mounted = await bed.mount(await bed.layerFs.prepare({ key: 'mounted', parent: '1', labels }));
  await bed.layerFs.commit({ key: 'mounted', name: '2', labels });
  await writeFile(path.join(mounted, 'file'), 'copied up');
  t.deepEqual((await readdir(`${bed.snapshots}/1`)).toSorted(), ['fs', 'record.json']);
  t.deepEqual((await readdir(`${bed.snapshots}/2`)).toSorted(), ['fs', 'record.json', 'work']);
});

test('a layer that somebody destroyed is named', async (t) => {
  const bed = await overlayBed(t);
  await bed.layer('1', '', write('file', ''));
  await bed.layer('2', '1', write('file', ''));
  await bed.layerFs.prepare({ key: 'key', parent: '2', labels });
  await rm(`${bed.snapshots}/1/fs`, { recursive: true });
  for (const call of [
    bed.layerFs.mounts('key'),
    bed.layerFs.prepare({ key: 'new', parent: '2', labels }),
    bed.layerFs.usage('1'),
  ]) {
    const { code, message } = await refusalOf(call);
    t.is(code, Code.DataLoss);
    t.true(message.startsWith(`${bed.snapshots}/1/fs is missing`), message);
  }
  await bed.layerFs.cleanup();
  t.deepEqual((await readdir(bed.snapshots)).toSorted(), ['1', '2', '3']);
});

const UID = 'containerd.io/snapshot/uidmapping';
const GID = 'containerd.io/snapshot/gidmapping';

test('ids are mapped by the mount, and an upper directory is the mapped root’s', async (t) => {
  const bed = await overlayBed(t);
  const mapped = { [UID]: '0:100000:65536', [GID]: '5:7:1,0:200000:5' };
  await bed.layer('1', '', write('file', ''));
  const [bind] = await bed.layerFs.prepare({ key: 'bind', parent: '', labels: mapped });
  t.deepEqual(bind?.options, ['uidmap=0:100000:65536', 'gidmap=5:7:1,0:200000:5', 'rw', 'rbind']);
  t.is((await stat(bind?.source ?? '')).uid, 0, 'a bind’s files are mapped themselves');
  const [overlay] = await bed.layerFs.prepare({ key: 'overlay', parent: '1', labels: mapped });
  t.deepEqual(overlay?.options.slice(0, 2), ['uidmap=0:100000:65536', 'gidmap=5:7:1,0:200000:5']);
  const { uid, gid } = await stat(`${bed.snapshots}/3/fs`);
  t.deepEqual([uid, gid], [100000, 200000]);
  for (const wrong of [{ [UID]: '0:1:2' }, { [UID]: '1:1:1', [GID]: '0:0:1' }, { [UID]: 'x', [GID]: '0:0:1' }]) {
    const call = bed.layerFs.prepare({ key: 'wrong', parent: '1', labels: wrong });
    t.is((await refusalOf(call)).code, Code.InvalidArgument);
  }
});

const layer = (id: string, kind: Layer['kind']): Layer => ({
  id,
  kind,
  name: id,
  labels,
  createdAt: 0n,
  updatedAt: 0n,
});
const chain = (length: number) => Array.from({ length }, (_, i) => layer((length - i).toString(), 'committed'));

test('mounts are those of containerd’s overlayfs', (t) => {
  const plan = (kind: Layer['kind'], depth: number) =>
    planMounts(new LayerPaths('/r'), layer('9', kind), chain(depth), { idMap: [], overlay: ['index=off'] });
  const bind = (source: string, how: string) => [{ type: 'bind', source, target: '', options: [how, 'rbind'] }];
  const overlay = (...options: string[]) => [
    { type: 'overlay', source: 'overlay', target: '', options: [...options, 'index=off'] },
  ];
  t.deepEqual(plan('active', 0), bind('/r/snapshots/9/fs', 'rw'));
  t.deepEqual(plan('view', 0), bind('/r/snapshots/9/fs', 'ro'));
  t.deepEqual(plan('view', 1), bind('/r/snapshots/1/fs', 'ro'));
  t.deepEqual(plan('view', 2), overlay('lowerdir=/r/snapshots/2/fs:/r/snapshots/1/fs'));
  const upper = ['workdir=/r/snapshots/9/work', 'upperdir=/r/snapshots/9/fs'];
  t.deepEqual(plan('active', 1), overlay(...upper, 'lowerdir=/r/snapshots/1/fs'));
  t.is(plan('active', 400).length, 1);
  t.throws(() => plan('active', 501), { message: /501 layers are more/ });
});

test('a root that overlayfs cannot take is refused at once', async (t) => {
  const bed = await overlayBed(t);
  for (const name of ['a,b', 'a:b', 'a\\b']) {
    t.is((await refusalOf(openLayerFs(path.join(bed.root, name)))).code, Code.FailedPrecondition);
  }
  await bed.layer('1', '', write('file', ''));
  const merged = await bed.mount(await bed.layerFs.prepare({ key: 'key', parent: '1', labels }));
  const { code, message } = await refusalOf(openLayerFs(path.join(merged, 'root')));
  t.is(code, Code.FailedPrecondition);
  t.regex(message, /is on overlayfs/);
});

test('a full disk is told as such', async (t) => {
  const bed = await overlayBed(t);
  const small = path.join(bed.root, 'small');
  await mkdir(small);
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=12', 'tmpfs', small]);
  const layerFs = await openLayerFs(small);
  t.teardown(() => layerFs.close());
  await layerFs.prepare({ key: '1', parent: '', labels });
  const { code, message } = await refusalOf(
    layerFs.prepare({ key: '2', parent: '', labels }).then(() => layerFs.prepare({ key: '3', parent: '', labels })),
  );
  t.is(code, Code.ResourceExhausted);
  t.true(message.includes(small), message);
  await layerFs.cleanup();
  await layerFs.remove('1');
  await layerFs.cleanup();
  await layerFs.prepare({ key: '4', parent: '', labels });
});
