import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readCgroupFile } from '../support/host.ts';
import { BUSYBOX_IMAGE, type Image } from '../support/oci-image.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { useContainerd } from '../support/with-containerd.ts';

/** ctr has no flag for the user: it takes user, directory and environment from the image. */
const USER_IMAGE: Image = {
  name: 'docker.io/library/user:latest',
  config: { User: 'app', WorkingDir: '/home/app', Env: ['PATH=/bin', 'FROM=image'] },
};

const fixture = useContainerd(test, { images: [BUSYBOX_IMAGE, USER_IMAGE] });

interface Case {
  readonly title: string;
  readonly flags?: (dir: string) => readonly string[];
  readonly image?: Image;
  /** A line for `sh -c`; what it prints is compared with what it prints under runc. */
  readonly script: string;
  /** What runc's answer has to look like for the comparison to mean anything. */
  readonly says: RegExp;
}

const status = (...fields: string[]) => `grep -E '^(${fields.join('|')}):' /proc/self/status`;

const CASES: readonly Case[] = [
  { title: 'by default: identity', script: 'id; pwd; umask; env | sort', says: /uid=0\(root\) gid=0\(root\)/ },
  { title: 'by default: capabilities', script: status('Cap...', 'NoNewPrivs'), says: /NoNewPrivs:\s+1/ },
  { title: 'by default: resource limits', script: 'cat /proc/self/limits', says: /Max open files\s+1024/ },
  { title: 'by default: signals', script: status('SigBlk', 'SigIgn', 'SigPnd', 'ShdPnd'), says: /SigIgn/ },
  { title: 'by default: descriptors', script: 'exec ls /proc/self/fd', says: /^0\n1\n2\n/ },
  {
    title: 'by default: mounts',
    script: `awk '{ print $5, $6 }' /proc/self/mountinfo | sed -E 's/,(size|nr_inodes)=[^, ]*//g' | sort`,
    says: /^\/dev\/shm /m,
  },
  { title: 'by default: file systems', script: `awk '{ print $2, $3 }' /proc/mounts | sort`, says: /^\/proc proc$/m },
  { title: 'by default: /dev', script: "stat -c '%A %t %T %N' /dev/*", says: /null/ },
  {
    title: 'by default: devices work',
    script: 'head -c 3 /dev/zero | od -c; echo x >/dev/null; : </dev/random',
    says: /\\0/,
  },
  { title: 'by default: pseudo terminals', script: "stat -c '%A %N' /dev/ptmx; ls /dev/pts", says: /ptmx/ },
  {
    title: 'by default: network',
    script: 'ip -o link | cut -d: -f2; ping -c1 -W1 127.0.0.1 | grep received',
    says: /lo/,
  },
  {
    title: 'by default: masked paths',
    script: 'cat /proc/kcore /proc/keys /proc/timer_list | wc -c; ls /proc/acpi | wc -l',
    says: /^0$/m,
  },
  {
    title: 'by default: read-only paths',
    script: 'for f in sys/kernel/panic irq/default_smp_affinity sysrq-trigger; do : >>/proc/$f; done',
    says: /Read-only file system/,
  },
  { title: 'by default: /sys is read-only', script: 'touch /sys/x', says: /Read-only file system/ },
  { title: 'by default: processes', script: 'ps -o comm >/tmp/ps; cat /tmp/ps', says: /^sh\nps$/m },
  { title: 'by default: session', script: `cut -d ' ' -f 4-8 /proc/$$/stat`, says: /^0 1 1 / },
  { title: 'by default: devices are denied', script: 'mknod /tmp/d b 254 0; head -c 1 /tmp/d', says: /not permitted/ },
  {
    title: '--seccomp: containerd’s own profile',
    flags: () => ['--seccomp'],
    script: `${status('Seccomp', 'Seccomp_filters')}; unshare -m true; mkdir /x && ls -d /x`,
    says: /Seccomp:\s+2[\s\S]*\/x[\s\S]*not permitted/,
  },
  {
    title: 'the image: user, groups, directory, environment',
    image: USER_IMAGE,
    script: 'id; pwd; env | sort',
    says: /uid=1000\(app\)/,
  },
  {
    title: 'the image: an unprivileged user has no capabilities',
    image: USER_IMAGE,
    script: status('Cap...'),
    says: /CapEff:\s+0000000000000000/,
  },
  { title: '--cwd', flags: () => ['--cwd', '/home/app'], script: 'pwd', says: /^\/home\/app$/m },
  {
    title: '--cwd that is not there',
    flags: () => ['--cwd', '/a/b'],
    script: 'pwd; stat -c %A,%u,%g /a',
    says: /^\/a\/b$/m,
  },
  { title: '--env', flags: () => ['--env', 'A=b c', '--env', 'PATH=/bin'], script: 'env | sort', says: /^A=b c$/m },
  {
    title: '--read-only',
    flags: () => ['--read-only'],
    script: 'touch /x; touch /dev/shm/x /run/x && echo writable',
    says: /writable[^]*Read-only/,
  },
  { title: '--cap-add', flags: () => ['--cap-add', 'CAP_SYS_ADMIN'], script: status('Cap...'), says: /CapEff/ },
  {
    title: '--cap-drop',
    flags: () => ['--cap-drop', 'CAP_CHOWN'],
    script: `${status('Cap...')}; chown 1 /tmp`,
    says: /not permitted/,
  },
  {
    title: '--allow-new-privs',
    flags: () => ['--allow-new-privs'],
    script: status('NoNewPrivs'),
    says: /NoNewPrivs:\s+0/,
  },
  {
    title: '--privileged',
    flags: () => ['--privileged'],
    script: `${status('Cap...', 'NoNewPrivs')}; touch /proc/sys/x /sys/x; ls /proc/acpi | wc -l`,
    says: /CapEff/,
  },
  {
    title: '--mount bind',
    flags: (dir) => ['--mount', `type=bind,src=${dir}/shared,dst=/mnt,options=rbind:rw`],
    script: 'cat /mnt/file; touch /mnt/new && rm /mnt/new; grep " /mnt " /proc/mounts',
    says: /^shared$/m,
  },
  {
    title: '--mount bind, read-only',
    flags: (dir) => ['--mount', `type=bind,src=${dir}/shared,dst=/a/new/place,options=rbind:ro`],
    script: 'cat /a/new/place/file; touch /a/new/place/x',
    says: /shared[^]*Read-only/,
  },
  {
    title: '--mount of a file',
    flags: (dir) => ['--mount', `type=bind,src=${dir}/shared/file,dst=/etc/motd,options=bind:ro`],
    script: 'cat /etc/motd',
    says: /^shared$/m,
  },
  {
    title: '--mount tmpfs',
    flags: () => ['--mount', 'type=tmpfs,src=tmpfs,dst=/var/tmp,options=size=1m:nosuid:nodev:mode=1777'],
    script: 'grep " /var/tmp " /proc/mounts; stat -c %a /var/tmp',
    says: /^1777$/m,
  },
  {
    title: '--with-ns network by path',
    flags: () => ['--with-ns', `network:/proc/${process.pid}/ns/net`],
    script: 'readlink /proc/self/ns/net',
    says: /net:\[\d+\]/,
  },
  {
    title: '--net-host',
    flags: () => ['--net-host'],
    script: 'readlink /proc/self/ns/net; cat /etc/hosts | wc -l',
    says: /net:\[\d+\]/,
  },
  { title: '--device', flags: () => ['--device', '/dev/fuse'], script: 'ls -l /dev/fuse | cut -c1', says: /^[cl]/ },
  {
    title: '--label and --annotation change nothing',
    flags: () => ['--label', 'a=b', '--annotation', 'c=d'],
    script: 'env | sort',
    says: /PATH=/,
  },
  {
    title: '--cgroup',
    flags: (dir) => ['--cgroup', `/${path.basename(dir)}/elsewhere`],
    // On a hybrid host runc joins v2 too, where there are no controllers: docs/differences.md.
    script: 'grep -v ^0: /proc/self/cgroup | grep -c elsewhere',
    says: /^[1-9]/,
  },
];

test.serial.before('files to mount', async () => {
  const { dir } = fixture.containerd;
  await mkdir(path.join(dir, 'shared'));
  await writeFile(path.join(dir, 'shared/file'), 'shared\n');
});

/** Runs a case; the namespaces' and host's names that differ with each run are taken out. */
async function answer({ flags, image = BUSYBOX_IMAGE, script }: Case, runtime: string) {
  const { containerd } = fixture;
  const id = fixture.newId();
  const args = [
    'run',
    '--rm',
    '--runtime',
    runtime,
    ...(flags?.(containerd.dir) ?? []),
    image.name,
    id,
    'sh',
    '-c',
    script,
  ];
  const { code, stdout, stderr } = await containerd.tryCtr(args);
  const neutral = (text: string) => text.replaceAll(id, 'ID').replaceAll(runtime, 'RUNTIME');
  return { code, stdout: neutral(stdout), stderr: neutral(stderr) };
}

for (const each of CASES) {
  test(each.title, async (t) => {
    const expected = await answer(each, RUNC);
    t.regex(expected.stdout + expected.stderr, each.says);
    t.deepEqual(await answer(each, RUNTIME), expected);
  });
}

/** The limits that ctr has flags for, by the files that hold them: in v1's hierarchies, and in v2. */
const LIMITS = [
  { flags: ['--memory-limit', '67108864'], v1: 'memory/memory.limit_in_bytes', v2: 'memory.max', says: /^67108864$/ },
  { flags: ['--cpus', '0.5'], v1: 'cpu/cpu.cfs_quota_us', v2: 'cpu.max', says: /^50000( 100000)?$/ },
  { flags: ['--cpu-shares', '512'], v1: 'cpu/cpu.shares', v2: 'cpu.weight', says: /^512|20$/ },
  {
    flags: ['--cpu-quota', '30000', '--cpu-period', '60000'],
    v1: 'cpu/cpu.cfs_period_us',
    v2: 'cpu.max',
    says: /^(30000 )?60000$/,
  },
];

for (const { flags, v1, v2, says } of LIMITS) {
  test(flags.join(' '), async (t) => {
    const limit = async (runtime: string) => {
      const id = await fixture.runDetached(t, ['sleep', '1000'], flags, runtime);
      return readCgroupFile(`/${fixture.containerd.namespace}/${id}`, { v1, v2 });
    };
    const expected = await limit(RUNC);
    t.regex(expected, says);
    t.is(await limit(RUNTIME), expected);
  });
}
