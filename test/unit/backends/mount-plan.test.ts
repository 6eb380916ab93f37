import test from 'ava';
import * as flags from '../../../shim/oci/mount-flags.ts';
import { argsOf } from '../support/native-plan.ts';
import { HYBRID, V1, V2 } from './hierarchies.ts';
import { prepare, refusal } from './prepare.ts';

const CLEAN = { destination: '/m', type: 'tmpfs', source: 'tmpfs' };
const SLAVE = String(flags.MS_SLAVE);

/** The operations for mounts alone: no devices, no working directory, nothing that is there without any. */
async function mountsOf(mounts: readonly object[], options: Parameters<typeof prepare>[1] = {}, more: object = {}) {
  const { init, monitor } = await prepare({ mounts, ...more }, options);
  const isOfMounts = ({ field }: { field: string | undefined }) => field?.startsWith('mounts') === true;
  return {
    init: init.filter(isOfMounts).map(({ name, args }) => [name, ...args]),
    trees: argsOf(monitor.filter(isOfMounts), 'tree'),
  };
}

test('a file system of its own: flags to mount(2), the rest to the file system', async (t) => {
  const options = ['nosuid', 'ro', 'mode=755', 'size=64k', 'strictatime'];
  const { init } = await mountsOf([{ ...CLEAN, options }]);
  const expected = flags.MS_NOSUID | flags.MS_RDONLY | flags.MS_STRICTATIME;
  t.deepEqual(init, [
    ['unmount', '/proc'],
    ['mount', 'tmpfs', 'tmpfs', '/m', String(expected), 'mode=755,size=64k'],
  ]);
});

test('without a source a file system is its own', async (t) => {
  const { init } = await mountsOf([{ destination: '/m', type: 'mqueue' }]);
  t.deepEqual(init.at(-1), ['mount', 'mqueue', 'mqueue', '/m', '0', '']);
});

for (const [options, attributes] of [
  [['bind'], ['0', '0', '0', '0', SLAVE]],
  [
    ['rbind', 'ro'],
    ['1', '0', '0', '0', SLAVE],
  ],
  [
    ['rbind', 'rw'],
    ['0', '1', '0', '0', SLAVE],
  ],
  [
    ['rbind', 'rro'],
    ['0', '0', '1', '0', SLAVE],
  ],
  [
    ['bind', 'nosuid', 'nodev', 'noexec', 'nosymfollow'],
    [String(0x20000e), '0', '0', '0', SLAVE],
  ],
  [
    ['bind', 'noatime'],
    [String(0x10), String(0x70), '0', '0', SLAVE],
  ],
  [
    ['bind', 'relatime'],
    ['0', String(0x70), '0', '0', SLAVE],
  ],
  [
    ['bind', 'strictatime'],
    [String(0x20), String(0x70), '0', '0', SLAVE],
  ],
  [
    ['bind', 'atime'],
    ['0', String(0x70), '0', '0', SLAVE],
  ],
  [
    ['bind', 'suid', 'exec'],
    ['0', String(0xa), '0', '0', SLAVE],
  ],
  [
    ['rbind', 'rnoatime'],
    ['0', '0', String(0x10), String(0x70), SLAVE],
  ],
] as const) {
  test(`a bind with ${options.join()}`, async (t) => {
    const { init, trees } = await mountsOf([{ destination: '/m', type: 'bind', source: '/srv/x', options }]);
    t.deepEqual(trees, [['/srv/x', options[0] === 'rbind' ? '1' : '0']]);
    t.deepEqual(init.at(-1), ['attach', '0', '/m', ...attributes]);
  });
}

test('propagation is set after the mount, and sharing with the host only if it is asked for', async (t) => {
  const bind = { destination: '/m', type: 'none', source: '/srv' };
  const shared = await mountsOf([{ ...bind, options: ['rbind', 'rshared'] }]);
  t.deepEqual(shared.init.slice(1), [
    ['attach', '0', '/m', '0', '0', '0', '0', '0'],
    ['propagation', '/m', String(flags.MS_SHARED | flags.MS_REC)],
  ]);
  const isolated = await mountsOf([{ ...bind, options: ['rbind', 'rprivate', 'slave'] }]);
  t.deepEqual(isolated.init.slice(1), [
    ['attach', '0', '/m', '0', '0', '0', '0', SLAVE],
    ['propagation', '/m', String(flags.MS_PRIVATE | flags.MS_REC)],
    ['propagation', '/m', String(flags.MS_SLAVE)],
  ]);
});

test('binds have the index of their source, however many others are between', async (t) => {
  const bind = (name: string) => ({ destination: `/${name}`, type: 'bind', source: `/srv/${name}`, options: ['bind'] });
  const { init, trees } = await mountsOf([bind('a'), CLEAN, bind('b'), bind('c')]);
  t.deepEqual(
    trees.map(([source]) => source),
    ['/srv/a', '/srv/b', '/srv/c'],
  );
  t.deepEqual(
    init.filter(([name]) => name === 'attach').map(([, index, target]) => [index, target]),
    [
      ['0', '/a'],
      ['1', '/b'],
      ['2', '/c'],
    ],
  );
});

test('the order is that of the spec', async (t) => {
  const { init } = await mountsOf([
    { ...CLEAN, destination: '/a' },
    { destination: '/a/b', type: 'bind', source: '/srv', options: ['bind'] },
    { ...CLEAN, destination: '/a/b/c' },
  ]);
  t.deepEqual(
    init.slice(1).map(([name]) => name),
    ['mount', 'attach', 'mount'],
  );
});

test('a remount changes what is there', async (t) => {
  const { init, trees } = await mountsOf([{ destination: '/m', options: ['remount', 'ro', 'nosuid', 'dev'] }]);
  t.deepEqual(init.at(-1), ['setattr', '/m', '3', '4', '0', '0']);
  t.deepEqual(trees, []);
});

test('recursive options of a new file system are set after it', async (t) => {
  const { init } = await mountsOf([{ ...CLEAN, options: ['rro'] }]);
  t.deepEqual(init.slice(1), [
    ['mount', 'tmpfs', 'tmpfs', '/m', '0', ''],
    ['setattr', '/m', '1', '0', '0', '1'],
  ]);
});

// ---- proc ----

const PROC = { destination: '/proc', type: 'proc', source: 'proc' };

test('the proc that liblxc has mounted serves, if it is the one that is wanted', async (t) => {
  t.deepEqual((await mountsOf([{ ...PROC, options: ['nosuid', 'noexec', 'nodev'] }])).init, []);
});

for (const options of [
  [],
  ['nosuid'],
  ['nosuid', 'noexec', 'nodev', 'hidepid=2'],
  ['nosuid', 'noexec', 'nodev', 'ro'],
]) {
  test(`another proc takes its place: ${options.join()}`, async (t) => {
    const { init } = await mountsOf([{ ...PROC, options }]);
    t.deepEqual(
      init.map(([name]) => name),
      ['unmount', 'mount'],
    );
  });
}

test('without a proc there is none', async (t) => {
  t.deepEqual((await mountsOf([CLEAN])).init[0], ['unmount', '/proc']);
  t.deepEqual((await mountsOf([{ ...PROC, destination: '/elsewhere' }])).init[0], ['unmount', '/proc']);
});

// ---- sysfs ----

const SYS = { destination: '/sys', type: 'sysfs', source: 'sysfs' };
const USER = {
  'linux.namespaces': [{ type: 'mount' }, { type: 'user' }],
  'linux.uidMappings': [{ containerID: 0, hostID: 100000, size: 1 }],
  'linux.gidMappings': [{ containerID: 0, hostID: 100000, size: 1 }],
};

test('sysfs is mounted by the init, but in a user namespace by liblxc', async (t) => {
  const mounts = [PROC, { ...SYS, options: ['nosuid', 'noexec', 'nodev', 'ro'] }];
  const plain = await mountsOf(mounts);
  t.true(plain.init.some(([name, type]) => name === 'mount' && type === 'sysfs'));
  const { config, init } = await prepare({ ...USER, mounts });
  t.true(config.some(([key, value]) => key === 'lxc.mount.entry' && value.startsWith('sysfs sys sysfs ro,')));
  t.false(init.some(({ name, args }) => name === 'mount' && args[0] === 'sysfs'));
  t.regex(
    (await refusal({ ...USER, mounts: [{ ...SYS, options: ['rw'] }] })) ?? '',
    /mounts\[0\]\.options are \["rw"\]/,
  );
});

// ---- cgroup ----

const CGROUP = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid'] };
const OWN = { 'linux.namespaces': [{ type: 'mount' }, { type: 'cgroup' }], 'linux.cgroupsPath': '/x' };
const RO_NOSUID = String(flags.MS_RDONLY | flags.MS_NOSUID);

test('cgroup v2, in a namespace of its own: a mount', async (t) => {
  const { init } = await mountsOf([CGROUP], { hierarchies: V2 }, OWN);
  t.deepEqual(init.at(-1), ['mount', 'cgroup2', 'cgroup', '/sys/fs/cgroup', RO_NOSUID, '']);
});

test("cgroup v2, in the host's namespace: the container's part of the tree", async (t) => {
  const { init, trees } = await mountsOf([CGROUP], { hierarchies: V2 }, { 'linux.cgroupsPath': '/x' });
  t.deepEqual(trees, [['/sys/fs/cgroup/x', '0']]);
  t.deepEqual(init.at(-1), ['attach', '0', '/sys/fs/cgroup', '3', '0', '0', '0', SLAVE]);
});

test('cgroup v1: a tmpfs with a directory for each hierarchy, sealed at the end', async (t) => {
  for (const hierarchies of [V1, HYBRID]) {
    const { init } = await mountsOf([CGROUP], { hierarchies }, OWN);
    const [, tmpfs, ...rest] = init;
    t.deepEqual(tmpfs, ['mount', 'tmpfs', 'tmpfs', '/sys/fs/cgroup', String(flags.MS_NOSUID), 'mode=755']);
    t.deepEqual(rest.at(-1), ['setattr', '/sys/fs/cgroup', '1', '0', '0', '0']);
    const mounted = rest.filter(([name]) => name === 'mount');
    t.is(mounted.length, V1.length);
    t.deepEqual(mounted[0], ['mount', 'cgroup', 'cgroup', '/sys/fs/cgroup/systemd', RO_NOSUID, 'none,name=systemd']);
    t.deepEqual(mounted[1], ['mount', 'cgroup', 'cgroup', '/sys/fs/cgroup/cpu,cpuacct', RO_NOSUID, 'cpu,cpuacct']);
    // Where controllers share a hierarchy, each can be found by its name.
    t.deepEqual(
      rest.filter(([name]) => name === 'symlink'),
      [
        ['symlink', 'cpu,cpuacct', '/sys/fs/cgroup/cpu'],
        ['symlink', 'cpu,cpuacct', '/sys/fs/cgroup/cpuacct'],
        ['symlink', 'net_cls,net_prio', '/sys/fs/cgroup/net_cls'],
        ['symlink', 'net_cls,net_prio', '/sys/fs/cgroup/net_prio'],
      ],
    );
  }
});

test("cgroup v1, in the host's namespace: the container's part of each tree", async (t) => {
  const { trees } = await mountsOf([CGROUP], { hierarchies: V1 }, { 'linux.cgroupsPath': '/x' });
  t.deepEqual(
    trees.map(([source]) => source),
    V1.map(({ base }) => `${base}/x`),
  );
});
