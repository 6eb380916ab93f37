import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { Code } from '../../common/errors.ts';
import type { CreateTaskRequest } from '../../proto/gen/containerd/task/v2/task.ts';
import { ShimDefinition } from '../../proto/gen/proxmox/lxcri/v1/shim.ts';
import type { Bundle, TestSpec } from '../support/shim-bundle.ts';
import { createRequest } from '../support/shim-host.ts';
import { cgroupHierarchies, removeCgroup } from '../support/host.ts';
import { isAlive } from '../support/processes.ts';
import { LXCRI, shimBinary } from '../support/runtimes.ts';
import { refusalOf } from '../support/refusal.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);

/** A Create that must be refused. */
interface Case {
  readonly title: string;
  /** What config.json says besides what containerd writes by default. */
  readonly edit?: (spec: TestSpec) => void;
  /** What is done to the bundle before Create. */
  readonly prepare?: (bundle: Bundle) => Promise<unknown>;
  readonly request?: (bundle: Bundle) => Partial<CreateTaskRequest>;
  /** InvalidArgument unless said: what only the kernel or liblxc can find out has no code, as with runc's shim. */
  readonly code?: Code;
  readonly says: RegExp;
}

const config = (bundle: Bundle) => path.join(bundle.dir, 'config.json');
const writeConfig = (text: string | Uint8Array) => (bundle: Bundle) => writeFile(config(bundle), text);
const mkfifo = (file: string) => execa('mkfifo', [file], { timeout: 10_000 });

const CONFIG: readonly Case[] = [
  {
    title: 'missing',
    prepare: (bundle) => rm(config(bundle)),
    says: /config\.json does not exist: the bundle needs one/,
  },
  { title: 'empty', prepare: writeConfig(''), says: /not valid JSON: line 1, column 1: .*the text ends/ },
  {
    title: 'truncated',
    prepare: (bundle) => truncate(config(bundle), 1000),
    says: /not valid JSON: line 1, column \d+/,
  },
  { title: 'no UTF-8', prepare: writeConfig(Buffer.from([0x7b, 0x22, 0xff, 0x22])), says: /expected UTF-8/ },
  { title: 'nested without end', prepare: writeConfig('['.repeat(1_000_000)), says: /at most 512 nested/ },
  {
    title: '50 MB',
    prepare: writeConfig(`{"annotations":{"a":"${'x'.repeat(50_000_000)}"}}`),
    says: /has 500000\d\d bytes: at most 16777216 are read/,
  },
  {
    title: 'a FIFO',
    prepare: (bundle) => rm(config(bundle)).then(() => mkfifo(config(bundle))),
    says: /must be a regular file/,
  },
  {
    title: 'a directory',
    prepare: (bundle) => rm(config(bundle)).then(() => mkdir(config(bundle))),
    says: /must be a regular file/,
  },
  {
    title: 'a list',
    prepare: writeConfig('[]'),
    says: /config\.json: the document is a list of 0: expected an object/,
  },
  { title: 'null', prepare: writeConfig('null'), says: /expected an object/ },
  { title: 'a number', prepare: writeConfig('1'), says: /is 1: expected an object/ },
];

/** A value of the wrong type at a JSON path. */
const wrong = (place: string, value: unknown, expected: string): Case => ({
  title: `${place} is ${JSON.stringify(value)}`,
  edit: (spec) => {
    setAt(spec, place, value);
  },
  says: new RegExp(`${place.replaceAll(/[[\].]/g, '\\$&')} is .*: expected ${expected}`),
});

function setAt(spec: TestSpec, place: string, value: unknown): void {
  const keys = place.split(/[.[\]]+/).filter((key) => key !== '');
  const last = keys.pop() ?? '';
  let target = spec as Record<string, unknown>;
  for (const key of keys) target = (target[key] ??= {}) as Record<string, unknown>;
  target[last] = value;
}

const TYPES: readonly Case[] = [
  wrong('ociVersion', '2.0.0', 'a version'),
  wrong('process', [], 'an object'),
  wrong('process.args', 'true', 'a list'),
  wrong('process.args', [], 'at least one argument'),
  wrong('process.args[0]', 'a\0b', 'a string without NUL'),
  wrong('process.env', { PATH: '/bin' }, 'a list'),
  wrong('process.user.uid', '0', 'an integer'),
  wrong('root', null, 'an object'),
  wrong('mounts', {}, 'a list'),
  wrong('mounts[0].destination', '', 'an absolute path'),
  wrong('linux', 'yes', 'an object'),
  wrong('linux.namespaces', 'pid', 'a list'),
  wrong('linux.resources.memory.limit', 'much', 'an integer'),
  wrong('linux.cgroupsPath', '/', 'a cgroup of its own'),
];

/** Fields of the specification that the lxc backend does not honour yet. */
const unsupported = (place: string, value: unknown, named = place): Case => ({
  title: `${place} is refused by name`,
  edit: (spec) => {
    setAt(spec, place, value);
  },
  says: new RegExp(`config\\.json: ${named.replaceAll(/[[\].()]/g, '\\$&')} is not supported by the lxc backend yet`),
});

const UNSUPPORTED: readonly Case[] = [
  unsupported('process.selinuxLabel', 'a:b:c'),
  unsupported('process.scheduler', { policy: 'SCHED_BATCH' }),
  unsupported('process.ioPriority', { class: 'IOPRIO_CLASS_IDLE' }),
  unsupported('linux.mountLabel', 'a:b:c'),
  unsupported('linux.intelRdt', { closID: 'x' }),
  unsupported('linux.memoryPolicy', { mode: 'MPOL_LOCAL' }),
  unsupported('linux.netDevices', { eth0: {} }),
  unsupported('linux.namespaces[1]', { type: 'time' }, 'linux.namespaces[1] (time)'),
  unsupported('mounts[1].options', ['tmpcopyup'], 'mounts[1].options (tmpcopyup)'),
];

const ROOTFS: readonly Case[] = [
  {
    title: 'root.path is not there',
    edit: (spec) => (spec.root.path = 'nowhere'),
    request: () => ({ rootfs: [] }),
    says: /root\.path is ".*\/nowhere": there is no such directory/,
  },
  {
    title: 'root.path is a file',
    edit: (spec) => (spec.root.path = 'config.json'),
    request: () => ({ rootfs: [] }),
    says: /root\.path is ".*\/config\.json": expected a directory/,
  },
  {
    title: 'the mount point is not there',
    prepare: (bundle) => rm(path.join(bundle.dir, 'rootfs'), { recursive: true }),
    says: /root\.path is .*: there is no such directory/,
  },
  {
    title: 'root.path is elsewhere than what is mounted',
    edit: (spec) => (spec.root.path = '/usr'),
    says: /root\.path is "\/usr": expected .*\/rootfs, where the rootfs is mounted/,
  },
  {
    title: 'a bind without its source',
    request: () => ({ rootfs: [{ type: 'bind', source: '/no/such/dir', target: '', options: ['rbind'] }] }),
    code: Code.Unknown,
    says: /rootfs\[0\]: cannot mount \/no\/such\/dir .*: No such file or directory/,
  },
  {
    title: 'an unknown file system',
    request: () => ({ rootfs: [{ type: 'nosuchfs', source: 'x', target: '', options: [] }] }),
    code: Code.Unknown,
    says: /rootfs\[0\]: cannot mount x \(nosuchfs\) .*: No such device/,
  },
  {
    title: 'a bad option of overlay',
    request: ({ rootfs }) => ({
      rootfs: rootfs.map((mount) => ({ ...mount, options: [...mount.options, 'no=such'] })),
    }),
    code: Code.Unknown,
    says: /rootfs\[0\]: cannot mount overlay \(overlay\) .*: Invalid argument/,
  },
  {
    title: 'a layer of overlay that is not there',
    request: ({ rootfs }) => ({
      rootfs: rootfs.map((mount) => ({ ...mount, options: ['lowerdir=/no/such/layer:/no/other'] })),
    }),
    code: Code.Unknown,
    says: /rootfs\[0\]: cannot mount overlay/,
  },
  {
    title: 'a second mount that fails after the first',
    request: ({ rootfs }) => ({
      rootfs: [...rootfs, { type: 'nosuchfs', source: 'x', target: '', options: [] }],
    }),
    code: Code.Unknown,
    says: /rootfs\[1\]: cannot mount x \(nosuchfs\)/,
  },
  {
    title: 'a mount below the rootfs',
    request: () => ({ rootfs: [{ type: 'bind', source: '/usr', target: 'usr', options: ['rbind'] }] }),
    says: /rootfs\[0\]\.target is "usr": mounts below the rootfs are not supported/,
  },
  {
    title: 'more mounts than anybody stacks',
    request: () => ({
      rootfs: Array.from({ length: 65 }, () => ({ type: 'bind', source: '/usr', target: '', options: ['bind'] })),
    }),
    code: Code.Unknown,
    says: /rootfs\[64\]: there are more than 64 mounts/,
  },
  {
    title: 'a mount with NUL in its source',
    request: () => ({ rootfs: [{ type: 'bind', source: '/usr\0/x', target: '', options: ['rbind'] }] }),
    says: /rootfs\[0\] contains a NUL/,
  },
];

const NAMESPACES: readonly Case[] = [
  {
    title: 'a path that is not there',
    edit: (spec) => {
      joinNamespace(spec, 'network', '/no/such/ns');
    },
    says: /linux\.namespaces\[\d\]\.path is "\/no\/such\/ns": expected the file of a namespace \(ENOENT\)/,
  },
  {
    title: 'a file that is no namespace',
    edit: (spec) => {
      joinNamespace(spec, 'ipc', '/etc/hostname');
    },
    says: /linux\.namespaces\[\d\]\.path is "\/etc\/hostname": expected the file of a namespace/,
  },
  {
    title: 'a namespace of another type',
    edit: (spec) => {
      joinNamespace(spec, 'network', '/proc/self/ns/uts');
    },
    code: Code.Unknown,
    says: /linux\.namespaces\[\d\]\.path: \/proc\/self\/ns\/uts is no network namespace/,
  },
  {
    title: 'no mount namespace',
    edit: (spec) => {
      const namespaces = spec.linux['namespaces'] as { type: string }[];
      spec.linux['namespaces'] = namespaces.filter(({ type }) => type !== 'mount');
      spec.linux['maskedPaths'] = spec.linux['readonlyPaths'] = [];
    },
    says: /linux\.namespaces has no new mount namespace/,
  },
];

function joinNamespace(spec: TestSpec, type: string, file: string): void {
  const namespaces = spec.linux['namespaces'] as { type: string; path?: string }[];
  for (const namespace of namespaces) if (namespace.type === type) namespace.path = file;
}

const STDIO: readonly Case[] = [
  {
    title: 'stdout is not there',
    request: () => ({ stdout: '/no/such/fifo' }),
    code: Code.Unknown,
    says: /cannot open stdout \(\/no\/such\/fifo\): No such file or directory/,
  },
  {
    title: 'stdin is relative',
    request: () => ({ stdin: 'fifo' }),
    says: /stdin is "fifo": expected an absolute path/,
  },
  {
    title: 'stderr has an unknown scheme',
    request: () => ({ stderr: 'gopher:///x' }),
    says: /stderr is "gopher:\/\/\/x": expected the path of a FIFO/,
  },
  {
    title: 'stdin as a log file',
    request: ({ dir }) => ({ stdin: `file://${dir}/config.json` }),
    says: /^stdin is "file:.*expected the path of a FIFO, or none/,
  },
  { title: 'stdout has NUL', request: () => ({ stdout: '/tmp/a\0b' }), says: /stdout contains a NUL/ },
  {
    title: 'stdout is a directory',
    request: ({ dir }) => ({ stdout: dir }),
    code: Code.Unknown,
    says: /cannot open stdout \(.*\): Is a directory/,
  },
  {
    title: 'stdin is a directory',
    request: ({ dir }) => ({ stdin: dir }),
    code: Code.Unknown,
    says: /cannot open stdin \(.*\): Is a directory/,
  },
  {
    title: 'a terminal',
    request: () => ({ terminal: true }),
    says: /^terminal is true, and process.terminal in config.json is false: make them the same/,
  },
];

const MOUNTS: readonly Case[] = [
  {
    title: 'a source that is not there',
    edit: (spec) => spec.mounts.push({ destination: '/mnt', type: 'bind', source: '/no/such', options: ['rbind'] }),
    code: Code.Unknown,
    says: /mounts\[\d\]: cannot open the mount source \/no\/such: No such file or directory/,
  },
  {
    title: 'a directory on a file',
    edit: (spec) => spec.mounts.push({ destination: '/etc/passwd', type: 'bind', source: '/usr', options: ['rbind'] }),
    code: Code.Unknown,
    says: /mounts\[\d\]: cannot create the mount point \/etc\/passwd: Not a directory/,
  },
  {
    title: 'a file on a directory',
    edit: (spec) =>
      spec.mounts.push({ destination: '/etc', type: 'bind', source: '/etc/hostname', options: ['rbind'] }),
    code: Code.Unknown,
    says: /mounts\[\d\]: cannot create the mount point \/etc: Is a directory/,
  },
  {
    title: 'an unknown file system',
    edit: (spec) => spec.mounts.push({ destination: '/mnt', type: 'nosuchfs', source: 'x', options: [] }),
    code: Code.Unknown,
    says: /mounts\[\d\]: cannot mount nosuchfs on \/mnt .*: No such device/,
  },
  {
    title: 'more than can be mounted',
    edit: (spec) => {
      for (let index = 0; index < 1100; index += 1) {
        spec.mounts.push({ destination: `/mnt/${index}`, type: 'bind', source: '/usr', options: ['bind'] });
      }
    },
    code: Code.Unknown,
    says: /mounts\[\d+\]: there are more than 1000 bind mounts/,
  },
  {
    title: 'more groups than can be set',
    edit: (spec) => {
      spec.process['user'] = { uid: 0, gid: 0, additionalGids: Array.from({ length: 70_000 }, (_, gid) => gid) };
    },
    says: /process\.user\.additionalGids is .*: expected at most 65536 groups/,
  },
  {
    title: 'more descriptors than the kernel allows',
    edit: (spec) => {
      spec.process['rlimits'] = [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 1e12 }];
    },
    code: Code.Unknown,
    says: /process\.rlimits\[0\]: cannot set the limit to 1024, and 1000000000000 at most: .*fs\.nr_open/,
  },
];

const CGROUPS: readonly Case[] = [
  {
    title: 'processors that the host does not have',
    edit: (spec) => (spec.linux['resources'] = { cpu: { cpus: '4095' } }),
    code: Code.Unknown,
    says: /linux\.resources\.cpu\.cpus: cannot write "4095" to .*cpuset\.cpus/,
  },
  {
    title: 'less memory than its set-up takes',
    edit: (spec) => (spec.linux['resources'] = { memory: { limit: 4096 } }),
    code: Code.Unknown,
    says: /its memory ran out before it was set up: linux\.resources\.memory\.limit is too low/,
  },
  {
    title: 'a name that cannot be a directory',
    edit: (spec) => (spec.linux.cgroupsPath = `/${path.basename(fixture.host.dir)}/cgroup.procs`),
    code: Code.Unknown,
    says: /linux\.cgroupsPath: cannot make the cgroup .*cgroup\.procs: /,
  },
  {
    title: 'a name that is too long',
    edit: (spec) => (spec.linux.cgroupsPath = `/${'x'.repeat(300)}`),
    says: /linux\.cgroupsPath is .*: expected names of at most 255 bytes/,
  },
];

const OPTIONS: readonly Case[] = [
  {
    title: 'an unknown type',
    request: () => ({ options: { typeUrl: 'example.org/some.Options', value: Buffer.from('xyz') } }),
    says: /options have the type "example\.org\/some\.Options": expected containerd\.runc\.v1\.Options/,
  },
  ...['containerd.runc.v1.Options', 'runtimeoptions.v1.Options'].map((typeUrl) => ({
    title: `garbage in place of ${typeUrl}`,
    request: () => ({ options: { typeUrl, value: Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]) } }),
    says: new RegExp(`options are no ${typeUrl.replaceAll('.', '\\.')}: `),
  })),
  {
    title: 'an option that runc has',
    request: () => ({ options: { typeUrl: 'containerd.runc.v1.Options', value: Buffer.from([0x32, 1, 0x78]) } }),
    says: /set binary_name: .*remove it/,
  },
];

const BUNDLES: readonly Case[] = [
  { title: 'relative', request: () => ({ bundle: 'b' }), says: /bundle is "b": expected an absolute path/ },
  { title: 'empty', request: () => ({ bundle: '' }), says: /bundle is "": expected an absolute path/ },
  { title: 'not there', request: () => ({ bundle: '/no/such/bundle' }), says: /config\.json does not exist/ },
  { title: 'with NUL', request: () => ({ bundle: '/a\0b' }), says: /bundle contains a NUL character/ },
  { title: 'a megabyte', request: () => ({ bundle: 'x'.repeat(1_000_000) }), says: /^bundle is "x+…$/ },
  {
    title: 'a checkpoint',
    request: () => ({ checkpoint: '/tmp' }),
    says: /^checkpoint is "\/tmp": it has no lxcri.json/,
  },
];

const IDS: readonly Case[] = [
  '',
  '.',
  '..',
  '../x',
  'a/b',
  'a b',
  'a\nb',
  'a\0b',
  '-a',
  'a..b',
  'ä',
  'x'.repeat(300),
].map((id) => ({
  title: JSON.stringify(id.slice(0, 20)),
  request: () => ({ id }),
  says: /^container id "/,
}));

const ALL: Readonly<Record<string, readonly Case[]>> = {
  'config.json': CONFIG,
  'a wrong type': TYPES,
  unsupported: UNSUPPORTED,
  'the rootfs': ROOTFS,
  'a namespace': NAMESPACES,
  stdio: STDIO,
  mounts: MOUNTS,
  cgroups: CGROUPS,
  options: OPTIONS,
  'the bundle': BUNDLES,
  'the container id': IDS,
};

for (const [group, cases] of Object.entries(ALL)) {
  for (const { title, edit, prepare, request, code = Code.InvalidArgument, says } of cases) {
    test.serial(`${group}: ${title}`, async (t) => {
      const shim = await fixture.shim(t, edit === undefined ? {} : { edit });
      const { bundle, task } = shim;
      await prepare?.(bundle);
      const refusal = await refusalOf(task.create(createRequest(bundle, request?.(bundle))));
      t.regex(refusal.message, says);
      t.is(refusal.code, code);
      t.true(refusal.message.length < 5000);
      t.deepEqual(await fixture.leftovers(), []);
    });
  }
}

test.serial('stdio: a socket', async (t) => {
  const { bundle, task } = await fixture.shim(t);
  const file = path.join(bundle.dir, 'socket');
  const server = createServer().listen(file);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const refusal = await refusalOf(task.create(createRequest(bundle, { stdout: file })));
  t.regex(refusal.message, /cannot open stdout \(.*\/socket\): No such device or address/);
  t.deepEqual(await fixture.leftovers(), []);
});

test.serial('a FIFO as a log file holds up nobody', async (t) => {
  const { bundle, task } = await fixture.shim(t);
  const file = path.join(bundle.dir, 'fifo');
  await mkfifo(file);
  await task.create(createRequest(bundle, { stdout: `file://${file}` }), { timeoutMs: 20_000 });
  await task.delete({ id: bundle.id, execId: '' });
  t.deepEqual(await fixture.leftovers(), []);
});

test.serial('after a Create that failed the same id can be created, and tells its events', async (t) => {
  const { bundle, task } = await fixture.shim(t);
  const init = { id: bundle.id, execId: '' };
  const nowhere = { rootfs: [{ type: 'nosuchfs', source: 'x', target: '', options: [] }] };
  await refusalOf(task.create(createRequest(bundle, nowhere)));
  await task.create(createRequest(bundle));
  await task.start(init);
  await task.wait(init);
  await task.delete(init);
  const topics = await fixture.host.events.topicsThrough(bundle.id, '/tasks/delete');
  t.deepEqual(topics, ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete']);
});

/** A process of somebody else in a cgroup of its own, in every hierarchy that takes one just so. */
async function strangerIn(t: ExecutionContext, cgroup: string): Promise<number> {
  const stranger = execa('sleep', ['1000'], { reject: false });
  t.teardown(async () => {
    stranger.kill('SIGKILL');
    await stranger;
    await removeCgroup(cgroup);
  });
  for (const root of (await cgroupHierarchies()).filter((each) => !each.endsWith('/cpuset'))) {
    await mkdir(path.join(root, cgroup), { recursive: true });
    await writeFile(path.join(root, cgroup, 'cgroup.procs'), String(stranger.pid));
  }
  return stranger.pid ?? 0;
}

for (const [title, changes, says] of [
  ['is refused', {}, /linux\.cgroupsPath: the cgroup .* is in use/],
  ['outlives a Create that fails before it', { stdout: '/no/such/fifo' }, /cannot open stdout/],
] as const) {
  test.serial(`a cgroup with a process of somebody else ${title}`, async (t) => {
    const cgroup = `/${fixture.host.namespace}/stranger`;
    const stranger = await strangerIn(t, cgroup);
    const { bundle, task } = await fixture.shim(t, { edit: (spec) => (spec.linux.cgroupsPath = cgroup) });
    const refusal = await refusalOf(task.create(createRequest(bundle, changes)));
    t.regex(refusal.message, says);
    t.true(await isAlive(stranger));
    await fixture.host.deleteShim(bundle);
    t.true(await isAlive(stranger));
  });
}

const NAMES = ['', '.', '..', 'a/b', 'a b', 'a\nb', '-a', 'a..b', 'x'.repeat(300)];

test.serial('names that the launcher must refuse', async (t) => {
  const { dir } = await fixture.host.makeBundle();
  for (const name of NAMES) {
    for (const [flag, other] of [
      ['-id', '-namespace'],
      ['-namespace', '-id'],
    ] as const) {
      for (const action of ['start', 'delete']) {
        const args = [flag, name, other, 'good', '-address', '/c.sock', '-publish-binary', 'c', action];
        const options = { cwd: dir, env: fixture.host.environment, timeout: 10_000, reject: false } as const;
        const { exitCode, stdout, stderr } = await execa(shimBinary(LXCRI), args, options);
        t.is(exitCode, 1, `${flag} ${name} ${action}`);
        t.is(stdout, '');
        t.regex(stderr, /the (id|namespace) .*(is missing|may hold only|is longer than)/s);
      }
    }
  }
  t.deepEqual(await fixture.leftovers(), []);
});

test.serial('a namespace that the caller names', async (t) => {
  const shim = await fixture.shim(t);
  const { cleanup } = fixture.host.service(ShimDefinition, shim);
  for (const namespace of NAMES) {
    const { code, message } = await refusalOf(cleanup({ namespace, id: shim.bundle.id, bundle: shim.bundle.dir }));
    t.is(code, Code.InvalidArgument, namespace);
    t.regex(message, /^namespace ".*is not valid: expected/s);
  }
});
