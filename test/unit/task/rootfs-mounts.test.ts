import test from 'ava';
import fc from 'fast-check';
import type { Mount } from '../../../proto/gen/containerd/types/mount.ts';
import { Plan } from '../../../shim/monitor/plan.ts';
import * as flags from '../../../shim/oci/mount-flags.ts';
import { planRootfsMounts } from '../../../shim/task/rootfs-mounts.ts';
import { parsePlan } from '../support/native-plan.ts';

const ROOTFS = '/run/bundle/rootfs';

const mount = (changes: Partial<Mount>): Mount => ({
  type: 'bind',
  source: '/srv',
  target: '',
  options: [],
  ...changes,
});

const planned = (...mounts: readonly Partial<Mount>[]) => {
  const plan = new Plan();
  planRootfsMounts(mounts.map(mount), ROOTFS, plan);
  return parsePlan(plan.toString(), 'monitor').map(({ name, args, field }) => ({ name, args, field }));
};

const argsOf = (...mounts: readonly Partial<Mount>[]) => planned(...mounts).map(({ args }) => args);

test('a file system of any type, with its flags and data', (t) => {
  t.deepEqual(
    planned({ type: 'ext4', source: '/dev/loop0', options: ['ro', 'noatime', 'data=ordered', 'errors=panic'] }),
    [
      {
        name: 'mount',
        args: [
          '',
          '/dev/loop0',
          ROOTFS,
          'ext4',
          String(flags.MS_RDONLY | flags.MS_NOATIME),
          'data=ordered,errors=panic',
        ],
        field: 'rootfs[0]',
      },
    ],
  );
  t.deepEqual(argsOf({ type: 'zfs', source: 'pool/a', options: ['rw'] }), [['', 'pool/a', ROOTFS, 'zfs', '0', '']]);
});

test('a bind takes its options in a second call', (t) => {
  const bind = String(flags.MS_BIND);
  t.deepEqual(argsOf({ options: ['rw', 'bind'] }), [['', '/srv', ROOTFS, 'none', bind, '']]);
  t.deepEqual(argsOf({ options: ['rbind', 'ro', 'nosuid'] }), [
    ['', '/srv', ROOTFS, 'none', String(flags.MS_BIND | flags.MS_REC), ''],
    ['', 'none', ROOTFS, 'none', String(flags.MS_BIND | flags.MS_REMOUNT | flags.MS_RDONLY | flags.MS_NOSUID), ''],
  ]);
  // By its type alone, and by its option alone.
  t.deepEqual(argsOf({ type: 'bind' }), [['', '/srv', ROOTFS, 'none', bind, '']]);
  t.deepEqual(argsOf({ type: 'none', options: ['bind'] }), [['', '/srv', ROOTFS, 'none', bind, '']]);
});

test('propagation is a call of its own, after the mount', (t) => {
  t.deepEqual(argsOf({ options: ['rbind', 'rprivate'] }).slice(1), [
    ['', 'none', ROOTFS, 'none', String(flags.MS_PRIVATE | flags.MS_REC), ''],
  ]);
});

test('several mounts are made in their order, each under its index', (t) => {
  const found = planned({ type: 'tmpfs', source: 'tmpfs' }, { type: 'ext4' }, {});
  t.deepEqual(
    found.map(({ field }) => field),
    ['rootfs[0]', 'rootfs[1]', 'rootfs[2]'],
  );
});

const overlay = (lower: readonly string[], more: readonly string[] = []): Partial<Mount> => ({
  type: 'overlay',
  source: 'overlay',
  options: ['index=off', 'workdir=/s/9/work', 'upperdir=/s/9/fs', `lowerdir=${lower.join(':')}`, ...more],
});

test('an overlay that fits is left as it is', (t) => {
  const [[directory, , , , , data] = []] = argsOf(overlay(['/s/1/fs', '/s/2/fs']));
  t.is(directory, '');
  t.is(data, 'index=off,workdir=/s/9/work,upperdir=/s/9/fs,lowerdir=/s/1/fs:/s/2/fs');
});

test('128 layers are named from where they have their path in common', (t) => {
  const top = '/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots';
  const lower = Array.from({ length: 128 }, (_, index) => `${top}/${index + 100}/fs`);
  const [[directory, , target, , , data = ''] = []] = argsOf(overlay(lower, ['volatile']));
  t.is(directory, top);
  t.is(target, ROOTFS);
  t.true(Buffer.byteLength(data) < 4096);
  const options = data.split(',');
  t.deepEqual(
    options.map((option) => option.split('=')[0]),
    ['index', 'workdir', 'upperdir', 'lowerdir', 'volatile'],
  );
  const names = options[3]?.slice('lowerdir='.length).split(':') ?? [];
  t.deepEqual(
    names.map((name) => `${directory ?? ''}/${name}`),
    lower,
  );
  t.is(options[2], 'upperdir=/s/9/fs', 'what is not a lower directory stays absolute');
});

test('shortened or not, the layers are the same ones', (t) => {
  const name = fc.stringMatching(/^[a-z0-9._-]{1,12}$/).filter((text) => text !== '.' && text !== '..');
  const layer = fc.tuple(fc.constantFrom('/a', '/a/b', '/a/bc'), name, name).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(fc.array(layer, { minLength: 1, maxLength: 400 }), (lower) => {
      const [[directory = '', , , , , data = ''] = []] = argsOf(overlay(lower));
      t.true(Buffer.byteLength(data) <= 4095);
      const names = /lowerdir=([^,]*)/.exec(data)?.[1]?.split(':') ?? [];
      t.deepEqual(
        names.map((each) => (directory === '' ? each : `${directory}/${each}`)),
        lower,
      );
    }),
    { numRuns: 50 },
  );
});

for (const [title, given, message] of [
  [
    'too many layers all the same',
    overlay(Array.from({ length: 600 }, (_, index) => `/a/${String(index).padStart(10, '0')}`)),
    /^rootfs\[0\]\.options have \d+ bytes: mount\(2\) takes 4095; flatten/,
  ],
  [
    'layers with nothing in common',
    overlay([`/${'x'.repeat(2500)}/fs`, `/${'y'.repeat(2500)}/fs`]),
    /mount\(2\) takes 4095/,
  ],
  [
    'escaped names',
    overlay(Array.from({ length: 128 }, (_, index) => `/some/where/a\\:b/${index}/and/a/long/path/to/it`)),
    /mount\(2\) takes 4095/,
  ],
  ['another file system with too much to say', { type: 'ext4', options: ['x'.repeat(5000)] }, /mount\(2\) takes 4095/],
  ['a loop device', { type: 'ext4', options: ['loop'] }, /^rootfs\[0\]\.options has loop: not supported/],
  ['an id mapping', { options: ['bind', 'idmap'] }, /has idmap/],
  ['tmpcopyup', { type: 'tmpfs', options: ['tmpcopyup'] }, /has tmpcopyup/],
  ['a recursive option', { options: ['rbind', 'rro'] }, /has a recursive option/],
  ['a target', { target: '/below' }, /^rootfs\[0\]\.target is "\/below"/],
  ['NUL', { source: '/a\0b' }, /^rootfs\[0\] contains a NUL/],
  ['NUL in an option', { options: ['a\0b'] }, /^rootfs\[0\] contains a NUL/],
] satisfies readonly (readonly [string, Partial<Mount>, RegExp])[]) {
  test(`refused: ${title}`, (t) => {
    t.throws(() => planned(given), { message });
  });
}

test('no mounts are none', (t) => {
  t.deepEqual(planned(), []);
});
