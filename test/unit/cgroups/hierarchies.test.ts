import test from 'ava';
import { findCgroupHierarchies, readCgroupHierarchies } from '../../../shim/cgroups/hierarchies.ts';

/** A host by its files. */
const host = (mountInfo: string, membership: string, files: Readonly<Record<string, string>> = {}) => ({
  mountInfo,
  membership,
  readFile: (path: string) =>
    files[path] === undefined ? Promise.reject(new Error(`ENOENT ${path}`)) : Promise.resolve(files[path]),
});

test('v2 alone, under systemd', async (t) => {
  const mountInfo = `24 30 0:22 / /proc rw,nosuid shared:5 - proc proc rw
35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`;
  const files = { '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory hugetlb pids rdma misc\n' };
  t.deepEqual(await findCgroupHierarchies(host(mountInfo, '0::/init.scope\n', files)), [
    {
      version: 2,
      controllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc'],
      mountPoint: '/sys/fs/cgroup',
      base: '/sys/fs/cgroup',
    },
  ]);
});

test('v1 with controllers mounted together, and a v2 without any: hybrid', async (t) => {
  const mountInfo = `30 23 0:25 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate
32 30 0:27 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd
36 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 - cgroup cgroup rw,cpu,cpuacct
37 30 0:32 / /sys/fs/cgroup/memory rw,nosuid shared:16 - cgroup cgroup rw,memory
`;
  const membership = `12:cpu,cpuacct:/
11:memory:/init.scope
1:name=systemd:/init.scope
0::/init.scope
`;
  const files = { '/sys/fs/cgroup/unified/cgroup.controllers': '\n' };
  const found = await findCgroupHierarchies(host(mountInfo, membership, files));
  t.deepEqual(
    found.map(({ version, controllers, base }) => [version, controllers.join(), base]),
    [
      [1, 'cpu,cpuacct', '/sys/fs/cgroup/cpu,cpuacct'],
      [1, 'memory', '/sys/fs/cgroup/memory'],
      [1, 'name=systemd', '/sys/fs/cgroup/systemd'],
      [2, '', '/sys/fs/cgroup/unified'],
    ],
  );
});

test('the mount point may have blanks, and one option may begin like another', async (t) => {
  const mountInfo = `36 30 0:31 / /cg\\040roup/cpu\\134acct rw - cgroup none rw,cpuacct
37 30 0:32 / /cgroup/cpu rw,relatime - cgroup none rw,cpu
`;
  const found = await findCgroupHierarchies(host(mountInfo, '2:cpu:/\n1:cpuacct:/\n'));
  t.deepEqual(
    found.map(({ mountPoint }) => mountPoint),
    ['/cgroup/cpu', '/cg roup/cpu\\acct'],
  );
});

test('a hierarchy that is not mounted is none', async (t) => {
  const mountInfo = '36 30 0:31 / /cgroup/cpu rw - cgroup none rw,cpu\n';
  const found = await findCgroupHierarchies(host(mountInfo, '2:cpu:/\n1:memory:/\n0::/\n'));
  t.deepEqual(
    found.map(({ controllers }) => controllers),
    [['cpu']],
  );
  t.deepEqual(await findCgroupHierarchies(host('', '')), []);
});

test('in a container: containers of its own are below PID 1', async (t) => {
  const mountInfo = '35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n';
  const files = { '/sys/fs/cgroup/a:b/c/cgroup.controllers': 'pids' };
  const [found] = await findCgroupHierarchies(host(mountInfo, '0::/a:b/c\n', files));
  t.is(found?.base, '/sys/fs/cgroup/a:b/c');
  t.deepEqual(found?.controllers, ['pids']);
});

test('in a container without a cgroup namespace: the mount shows its part of the tree', async (t) => {
  const mountInfo = '36 30 0:31 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n';
  const base = async (membership: string) => (await findCgroupHierarchies(host(mountInfo, membership)))[0]?.base;
  t.is(await base('5:pids:/docker/abc\n'), '/sys/fs/cgroup/pids');
  t.is(await base('5:pids:/docker/abc/init.scope\n'), '/sys/fs/cgroup/pids');
  t.is(await base('5:pids:/docker/abc/below\n'), '/sys/fs/cgroup/pids/below');
  t.is(await base('5:pids:/docker/abcdef\n'), '/sys/fs/cgroup/pids', 'PID 1 is elsewhere');
});

test('where PID 1 is outside of what can be seen, the top is what there is', async (t) => {
  const mountInfo = '35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n';
  const files = { '/sys/fs/cgroup/cgroup.controllers': 'pids' };
  const [found] = await findCgroupHierarchies(host(mountInfo, '0::/../..\n', files));
  t.is(found?.base, '/sys/fs/cgroup');
});

test('this host has some', async (t) => {
  const found = await readCgroupHierarchies();
  t.true(found.length > 0);
  t.true(found.every(({ base, mountPoint }) => base.startsWith(mountPoint)));
});
