/** What the machine is made of: that what is proved in it is proved on Debian 13 with ZFS, systemd and AppArmor. */
import test from 'ava';
import { useVm } from '../with-vm.ts';

const fixture = useVm(test);

const output = (...argv: string[]) => fixture.vm.succeed(argv);

test('Debian 13 with its kernel', async (t) => {
  t.regex(await output('cat', '/etc/os-release'), /^VERSION_ID="13"$/m);
  t.regex(await output('uname', '-r'), /^6\.12\.\d+\+deb13-amd64$/);
});

test('ZFS: a pool, a file, a snapshot', async (t) => {
  t.regex(await output('modinfo', 'zfs'), /^version:\s+2\.3\./m);
  await output('zpool', 'create', '-o', 'ashift=12', 'tank', '/dev/disk/by-id/virtio-scratch');
  await output('zfs', 'create', 'tank/layer');
  await output('sh', '-c', 'echo before >/tank/layer/file');
  await output('zfs', 'snapshot', 'tank/layer@first');
  await output('sh', '-c', 'echo after >/tank/layer/file');
  t.is(await output('cat', '/tank/layer/file'), 'after');
  t.is(await output('cat', '/tank/layer/.zfs/snapshot/first/file'), 'before');
  t.regex(await output('zpool', 'status', '-x'), /healthy/);
});

test('two empty disks of 8 GiB', async (t) => {
  for (const name of ['scratch', 'scratch2']) {
    t.is(await output('blockdev', '--getsize64', `/dev/disk/by-id/virtio-${name}`), String(8 * 2 ** 30));
  }
});

test('cgroup v2 alone', async (t) => {
  t.is(await output('stat', '--file-system', '--format=%T', '/sys/fs/cgroup'), 'cgroup2fs');
  t.regex(await output('cat', '/sys/fs/cgroup/cgroup.controllers'), /\bcpu\b.*\bmemory\b.*\bpids\b/);
});

test('AppArmor', async (t) => {
  t.is(await output('cat', '/sys/module/apparmor/parameters/enabled'), 'Y');
  t.regex(await output('cat', '/sys/kernel/security/apparmor/profiles'), /lxc-container-default/);
});

test('systemd as PID 1, and nothing failed', async (t) => {
  t.is(await output('cat', '/proc/1/comm'), 'systemd');
  t.is(await output('systemctl', 'is-system-running'), 'running');
});

const versions: readonly (readonly [program: string, expected: RegExp])[] = [
  ['containerd', /^containerd .* 1\.7\./],
  ['docker', /^Docker version 26\./],
  ['lxc-start', /^6\./],
  ['crun', /^crun version 1\./],
  ['runc', /^runc version 1\./],
  ['criu', /^Version: 4\./],
  ['node', /^v20\./],
];

for (const [program, expected] of versions) {
  test(`has ${program}`, async (t) => {
    t.regex(await output(program, '--version'), expected);
  });
}

for (const program of [
  'getfacl',
  'getfattr',
  'getcap',
  'mke2fs',
  'busybox',
  'ip',
  'iptables',
  'strace',
  'aa-enabled',
]) {
  test(`has ${program}`, async (t) => {
    await t.notThrowsAsync(output('which', program));
  });
}

test('this checkout at /work, read-only', async (t) => {
  t.regex(await output('cat', '/work/package.json'), /"name": "proxmox-lxcri"/);
  const { exitCode, stderr } = await fixture.vm.run(['touch', '/work/x']);
  t.not(exitCode, 0);
  t.regex(stderr, /Read-only file system/);
});

test('no network but the way in', async (t) => {
  const { exitCode } = await fixture.vm.run(['busybox', 'nc', '-w', '3', '10.0.2.2', '22'], { timeoutMs: 30_000 });
  t.not(exitCode, 0);
});

test('the time of the host', async (t) => {
  const difference = Number(await output('date', '+%s')) - Date.now() / 1000;
  t.true(Math.abs(difference) < 5, `${difference} s`);
});

test('docker starts, and ends again', async (t) => {
  await fixture.vm.succeed(['systemctl', 'start', 'docker'], { timeoutMs: 120_000 });
  t.is(await output('docker', 'info', '--format', '{{.CgroupVersion}} {{.CgroupDriver}}'), '2 systemd');
  await fixture.vm.succeed(['systemctl', 'stop', 'docker.service', 'docker.socket', 'containerd.service'], {
    timeoutMs: 120_000,
  });
});
