import { mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { listMounts } from '../support/host.ts';
import type { TestSpec } from '../support/shim-bundle.ts';
import { createRequest } from '../support/shim-host.ts';
import { useShimHost } from '../support/with-shim-host.ts';

/*
 * What an image or a config.json does to get out of the container while it is set up, by somebody who has all
 * privileges. Whatever it tries lands inside, or the Create fails; on the host nothing is made, mounted or changed.
 */
const fixture = useShimHost(test);

/** A directory of the host with something to lose. */
const canary = () => path.join(fixture.host.dir, 'canary');

test.serial.beforeEach('something to lose', async () => {
  await rm(canary(), { recursive: true, force: true });
  await mkdir(path.join(canary(), 'directory'), { recursive: true });
  await writeFile(path.join(canary(), 'file'), 'untouched');
});

/** Everything of the host that an escape could have changed. */
async function host() {
  const entries = (await readdir(canary(), { recursive: true })).sort();
  const modes = await Promise.all(entries.map(async (entry) => (await stat(path.join(canary(), entry))).mode));
  const text = await readFile(path.join(canary(), 'file'), 'utf8');
  return { entries, modes, text, mounts: (await listMounts()).map(({ line }) => line) };
}

interface Attack {
  readonly title: string;
  /** Symbolic links of the image, by their place. */
  readonly links?: Readonly<Record<string, string>>;
  readonly edit?: (spec: TestSpec) => void;
  /** Shares the host's PID namespace, in which /proc/PID/root is the root of the host. */
  readonly hostPids?: boolean;
  /** What the payload, a shell, is asked, and how it answers. */
  readonly asks?: string;
  readonly says: RegExp;
}

const tmpfs = (destination: string) => ({ destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid'] });
const bind = (destination: string, source: string) => ({ destination, type: 'bind', source, options: ['rbind', 'ro'] });

const INSIDE: readonly Attack[] = [
  {
    title: 'a link to /',
    links: { escape: '/' },
    edit: (spec) => spec.mounts.push(tmpfs(`/escape${canary()}/made`)),
    asks: `grep -c ' '"$0/made"' tmpfs' /proc/mounts`,
    says: /^1$/,
  },
  {
    title: 'a link upwards',
    links: { escape: '../../../../../../..' },
    edit: (spec) => spec.mounts.push(bind(`/escape${canary()}/directory`, canary())),
    asks: `ls "$0/directory"; : >"$0/directory/new"`,
    says: /^directory\nfile\n.*Read-only file system/s,
  },
  {
    title: 'dots in the destination',
    edit: (spec) => spec.mounts.push(tmpfs(`/../../..${canary()}/../canary/made`)),
    asks: `grep -c ' '"$0/made"' tmpfs' /proc/mounts`,
    says: /^1$/,
  },
  {
    title: 'a file through a dangling link',
    links: { escape: '/../../tmp/dangling' },
    edit: (spec) => spec.mounts.push(bind('/escape', path.join(canary(), 'file'))),
    asks: 'cat /escape /tmp/dangling',
    says: /^untoucheduntouched$/,
  },
];

/** Of a process of the host: this one. That of PID 1 is as good, but some machines keep it from everybody. */
const ROOT = `/proc/${process.pid}/root`;

const through = (place: string) => `${place}${canary()}`;
const REFUSED = /its links form a loop, or lead out of the container through \/proc/;

const THROUGH_PROC: readonly Attack[] = [
  {
    title: 'a mount through a process of the host',
    links: { escape: ROOT },
    edit: (spec) => spec.mounts.push(tmpfs(`${through('/escape')}/made`)),
    says: /mounts\[\d\]: cannot create the mount point/,
  },
  {
    title: 'a mount on a directory of the host',
    edit: (spec) => spec.mounts.push(tmpfs(`${through(ROOT)}/directory`)),
    says: /mounts\[\d\]: cannot create the mount point/,
  },
  {
    title: 'a file through a process of the host',
    edit: (spec) => spec.mounts.push(bind(`${through(ROOT)}/made`, path.join(canary(), 'file'))),
    says: /mounts\[\d\]: cannot create the mount point/,
  },
  {
    title: 'the options of a mount of the host',
    links: { escape: ROOT },
    edit: (spec) => spec.mounts.push({ destination: '/escape', options: ['remount', 'ro', 'rshared'] }),
    says: /mounts\[\d\]: cannot change the mount/,
  },
  {
    title: 'a working directory that is made on the host',
    links: { escape: ROOT },
    edit: (spec) => (spec.process.cwd = `${through('/escape')}/made`),
    says: /process\.cwd: cannot create/,
  },
  {
    title: 'a working directory of the host',
    links: { escape: ROOT },
    edit: (spec) => (spec.process.cwd = `${through('/escape')}/directory`),
    says: /process\.cwd: cannot create/,
  },
  {
    title: 'a device',
    links: { escape: ROOT },
    edit: (spec) => {
      const device = { path: `${through('/escape')}/made`, type: 'c', major: 1, minor: 3, fileMode: 0o666 };
      spec.linux['devices'] = [device];
    },
    says: /linux\.devices: cannot create the device/,
  },
  {
    title: 'a masked file',
    links: { escape: ROOT },
    edit: (spec) => (spec.linux['maskedPaths'] = [`${through('/escape')}/file`]),
    says: /linux\.maskedPaths: cannot mask/,
  },
  {
    title: 'a masked directory',
    links: { escape: ROOT },
    edit: (spec) => (spec.linux['maskedPaths'] = [`${through('/escape')}/directory`]),
    says: /linux\.maskedPaths: cannot mask/,
  },
  {
    title: 'a read-only path',
    links: { escape: ROOT },
    edit: (spec) => (spec.linux['readonlyPaths'] = [`${through('/escape')}/directory`]),
    says: /linux\.readonlyPaths: cannot make .* read-only/,
  },
  {
    title: '/sys is a link',
    links: { sys: `${ROOT}/CANARY/made` },
    says: /mounts\[\d\]: cannot create the mount point \/sys/,
  },
];

const OUTSIDE = THROUGH_PROC.map((attack) => ({
  ...attack,
  says: new RegExp(`${attack.says.source}.*${REFUSED.source}`),
}));

/** What liblxc does itself, it does without following links. */
const LIBLXC: readonly Attack[] = [
  {
    title: 'the links of /dev',
    links: { dev: `${ROOT}/CANARY/directory` },
    edit: (spec) => (spec.mounts = spec.mounts.filter(({ destination }) => !String(destination).startsWith('/dev'))),
    says: /liblxc could not start the container: .*\/dev/,
  },
  {
    title: '/dev itself',
    links: { dev: `${ROOT}/CANARY/made` },
    says: /liblxc could not start the container: .*\/dev/,
  },
  { title: '/proc itself', links: { proc: '/CANARY/directory' }, says: /proc was a symbolic link/ },
];

/** Creates and runs the container, unless that fails; @returns what the payload, or else the shim said. */
async function attempt(t: ExecutionContext, { links = {}, edit, asks = 'pwd', hostPids = false }: Attack) {
  const shim = await fixture.shim(t, {
    args: ['sh', '-c', asks, canary()],
    edit: (spec) => {
      if (hostPids) setHostPids(spec);
      edit?.(spec);
    },
  });
  const { bundle, task } = shim;
  for (const [place, target] of Object.entries(links)) {
    const link = path.join(bundle.dir, 'upper', place);
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(target.replace('/CANARY', canary()), link);
  }
  const stdout = path.join(bundle.dir, 'out');
  await writeFile(stdout, '');
  const init = { id: bundle.id, execId: '' };
  try {
    await task.create(createRequest(bundle, { stdout, stderr: stdout }));
    await task.start(init);
    await task.wait(init);
    await task.delete(init);
    return await readFile(stdout, 'utf8');
  } catch (error) {
    return String(error);
  }
}

function setHostPids(spec: TestSpec): void {
  const namespaces = spec.linux['namespaces'] as { type: string }[];
  spec.linux['namespaces'] = namespaces.filter(({ type }) => type !== 'pid');
}

for (const attack of INSIDE) {
  test.serial(`lands inside: ${attack.title}`, async (t) => {
    const before = await host();
    t.regex((await attempt(t, attack)).trim(), attack.says);
    t.deepEqual(await host(), before);
  });
}

for (const attack of [...OUTSIDE, ...LIBLXC]) {
  test.serial(`does not get out: ${attack.title}`, async (t) => {
    const before = await host();
    t.regex(await attempt(t, { ...attack, hostPids: true }), attack.says);
    t.deepEqual(await host(), before);
  });
}

test.serial('does not get out: through the descriptors of the init', async (t) => {
  const before = await host();
  // Its plan, its streams, cgroups that it joins, and the mounts that are still detached: /mnt's is the last.
  for (let fd = 3; fd < 24; fd += 1) {
    const edit = (spec: TestSpec) => spec.mounts.push(tmpfs('/escape/made'), bind('/mnt', canary()));
    const said = await attempt(t, { title: '', links: { escape: `/proc/self/fd/${fd}` }, edit, says: /./ });
    t.regex(said, /mounts\[\d\]: cannot create the mount point \/escape\/made: (its links|No such file)/);
  }
  t.deepEqual(await host(), before);
});

test.serial('does not get out: through an init that waits for Start, in a PID namespace that is shared', async (t) => {
  const { pid } = await fixture.created(t);
  const asks = `for link in fd/0 fd/3 cwd root; do readlink /proc/${pid}/$link; done; cat /proc/${pid}/environ`;
  const said = await attempt(t, { title: '', hostPids: true, asks, says: /./ });
  t.regex(said, /^cat: can't open '[^']*environ': Permission denied\n$/);
});

test.serial('a masked file hides behind the null device and nothing else', async (t) => {
  const said = await attempt(t, {
    title: '',
    links: { 'dev/null': '/etc/not-executable' },
    edit: (spec) => (spec.mounts = spec.mounts.filter(({ destination }) => !String(destination).startsWith('/dev'))),
    says: /./,
  });
  t.regex(said, /linux\.maskedPaths: \/dev\/null is not the null device/);
});

for (const [title, make] of [
  ['a FIFO', (file: string) => execa('mkfifo', [file], { timeout: 10_000 })],
  ['a link to /dev/zero', (file: string) => symlink('/dev/zero', file)],
  ['a link to itself', (file: string) => symlink('passwd', file)],
  ['a directory', (file: string) => mkdir(file)],
  ['endless', (file: string) => writeFile(file, '').then(() => truncate(file, 2 ** 40))],
] as const) {
  test.serial(`the image's /etc/passwd is ${title}`, async (t) => {
    const { bundle, task } = await fixture.shim(t, { args: ['sh', '-c', 'test "$HOME" = /'] });
    await mkdir(path.join(bundle.dir, 'upper/etc'));
    await make(path.join(bundle.dir, 'upper/etc/passwd'));
    const init = { id: bundle.id, execId: '' };
    await task.create(createRequest(bundle), { timeoutMs: 20_000 });
    await task.start(init);
    t.is((await task.wait(init)).exitStatus, 0);
  });
}
