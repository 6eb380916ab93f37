import test from 'ava';
import fc from 'fast-check';
import { StatusError } from '../../../common/errors.ts';
import { LxcBackend } from '../../../shim/backends/lxc/lxc-backend.ts';
import { parseSpec } from '../../../shim/oci/parse-documents.ts';
import { BUNDLE, fixtureText, minimalWith, encode } from '../oci/documents.ts';
import { argsOf } from '../support/native-plan.ts';
import { HYBRID, V1, V2 } from './hierarchies.ts';
import { DIRECTORY, prepare, prepareSpec, refusal, type Prepared } from './prepare.ts';

const values = ({ config }: Prepared, key: string) => config.filter(([name]) => name === key).map(([, value]) => value);

// ---- lxc.conf ----

test('LXC leaves the image, its devices and its terminals alone', async (t) => {
  const prepared = await prepare();
  for (const [key, value] of [
    ['lxc.rootfs.path', `dir:${BUNDLE}/rootfs`],
    ['lxc.rootfs.mount', '/run/lxcri/rootfs'],
    ['lxc.rootfs.managed', '0'],
    ['lxc.autodev', '0'],
    ['lxc.tty.max', '0'],
    ['lxc.pty.max', '0'],
    ['lxc.console.path', 'none'],
    ['lxc.log.file', `${DIRECTORY}/lxc.log`],
  ]) {
    t.deepEqual(values(prepared, key ?? ''), [value], key);
  }
});

test('nothing but known keys, whatever the spec', async (t) => {
  const prepared = await prepare({
    'process.oomScoreAdj': -500,
    'linux.namespaces': [
      { type: 'mount' },
      { type: 'user' },
      { type: 'network' },
      { type: 'pid', path: '/proc/self/ns/pid' },
    ],
    'linux.uidMappings': [{ containerID: 0, hostID: 100000, size: 65536 }],
    'linux.gidMappings': [{ containerID: 0, hostID: 100000, size: 65536 }],
    mounts: [{ destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] }],
  });
  const known =
    /^lxc\.(rootfs\.(path|mount|managed)|autodev|tty\.max|pty\.max|console\.path|apparmor\.profile|log\.(file|level)|mount\.entry|namespace\.(clone|share\.\w+)|net\.0\.(type|flags)|idmap|proc\.oom_score_adj)$/;
  for (const [key] of prepared.config) t.regex(key, known);
});

test('namespaces: new ones, shared ones, and the rest the host keeps', async (t) => {
  const prepared = await prepare({
    'linux.namespaces': [
      { type: 'mount' },
      { type: 'uts' },
      { type: 'pid', path: '/proc/self/ns/pid' },
      { type: 'ipc', path: '/proc/self/ns/ipc' },
    ],
  });
  t.deepEqual(values(prepared, 'lxc.namespace.clone'), ['mnt uts']);
  t.deepEqual(values(prepared, 'lxc.namespace.share.pid'), ['/proc/self/ns/pid']);
  t.deepEqual(values(prepared, 'lxc.namespace.share.ipc'), ['/proc/self/ns/ipc']);
  t.deepEqual(values(prepared, 'lxc.net.0.type'), []);
  // The monitor checks that they are what they are called.
  t.deepEqual(
    prepared.monitor.filter(({ name }) => name === 'namespace').map(({ field, args }) => [field, ...args]),
    [
      ['linux.namespaces[2].path', 'pid', String(0x20000000), '/proc/self/ns/pid'],
      ['linux.namespaces[3].path', 'ipc', String(0x08000000), '/proc/self/ns/ipc'],
    ],
  );
});

test('a new network namespace has a loopback that is up', async (t) => {
  const prepared = await prepare({ 'linux.namespaces': [{ type: 'mount' }, { type: 'network' }] });
  t.deepEqual(values(prepared, 'lxc.net.0.type'), ['empty']);
  t.deepEqual(values(prepared, 'lxc.net.0.flags'), ['up']);
});

test("the host's network is named where the daemon is not in it", async (t) => {
  const hostNetwork = '/proc/1/fd/5';
  t.deepEqual(values(await prepare({}, { hostNetwork }), 'lxc.namespace.share.net'), [hostNetwork]);
  t.deepEqual(values(await prepare({}), 'lxc.namespace.share.net'), []);
  const own = await prepare({ 'linux.namespaces': [{ type: 'mount' }, { type: 'network' }] }, { hostNetwork });
  t.deepEqual(values(own, 'lxc.namespace.share.net'), []);
});

test('id mappings', async (t) => {
  const prepared = await prepare({
    'linux.namespaces': [{ type: 'mount' }, { type: 'user' }],
    'linux.uidMappings': [
      { containerID: 0, hostID: 100000, size: 1000 },
      { containerID: 1000, hostID: 5000, size: 1 },
    ],
    'linux.gidMappings': [{ containerID: 0, hostID: 4294967294, size: 1 }],
  });
  t.deepEqual(values(prepared, 'lxc.idmap'), ['u 0 100000 1000', 'u 1000 5000 1', 'g 0 4294967294 1']);
});

test('the OOM score is touched only if it is asked for', async (t) => {
  t.deepEqual(values(await prepare(), 'lxc.proc.oom_score_adj'), []);
  t.deepEqual(values(await prepare({ 'process.oomScoreAdj': 0 }), 'lxc.proc.oom_score_adj'), ['0']);
  t.deepEqual(values(await prepare({ 'process.oomScoreAdj': -1000 }), 'lxc.proc.oom_score_adj'), ['-1000']);
});

for (const path of ['/a\nlxc.hook.start-host = /x', '/a ', '/a\t', '/a\u0085']) {
  test(`a root path that LXC would read as something else: ${JSON.stringify(path)}`, async (t) => {
    t.regex((await refusal({ 'root.path': path })) ?? '', /^config\.json: root\.path is /);
  });
}

test('no value of a config.json adds a line to lxc.conf', async (t) => {
  const { config } = await prepare();
  const evil = fc
    .tuple(
      fc.string(),
      fc.constantFrom('\n', '\r\n', '\u0085', '\0', ' '),
      fc.constantFrom('lxc.hook.start-host = /x', '#', ''),
    )
    .map((parts) => parts.join(''));
  const paths = [
    'root.path',
    'hostname',
    'domainname',
    'process.cwd',
    'process.args.0',
    'linux.cgroupsPath',
    'linux.maskedPaths.0',
    'linux.readonlyPaths.0',
    'mounts.0.source',
    'mounts.0.destination',
    'mounts.0.options.0',
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), evil, async (where, text) => {
      const value = /path|Path|cwd|destination|source/.test(where) ? `/x${text}` : `x${text}`;
      const mount = where.startsWith('mounts')
        ? { mounts: [{ destination: '/m', type: 'tmpfs', source: 's', options: ['o'] }] }
        : {};
      try {
        const prepared = await prepare({ ...mount, [where]: value });
        t.is(prepared.config.length, config.length);
        t.deepEqual(
          prepared.config.map(([key]) => key),
          config.map(([key]) => key),
        );
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        t.pass();
      }
    }),
    { numRuns: 300 },
  );
});

// ---- The init's plan ----

const position = ({ init }: Prepared, name: string, first?: string) =>
  init.findIndex((operation) => operation.name === name && (first === undefined || operation.args[0] === first));

test('the payload is exact: newlines, quotes, empty strings', async (t) => {
  const args = ['/bin/sh', '-c', 'a "b" \'c\'\n\t$d', '', ' '];
  const env = ['A=', 'B= x\ny ', 'C="q"', 'PATH=/bin'];
  const { init } = await prepare({ 'process.args': args, 'process.env': env, 'process.cwd': '/a b/../c' });
  t.deepEqual(
    argsOf(init, 'arg').map(([arg]) => arg),
    args,
  );
  t.deepEqual(
    argsOf(init, 'env').map(([variable]) => variable),
    env,
  );
  t.deepEqual(argsOf(init, 'cwd'), [['/a b/../c']]);
  t.deepEqual(argsOf(init, 'mkdir'), [['/a b/../c', '493']]);
});

test('credentials', async (t) => {
  const { init } = await prepare({
    'process.user': { uid: 1000, gid: 1001, umask: 0o77, additionalGids: [5, 4294967294] },
    'process.noNewPrivileges': true,
    'process.rlimits': [
      { type: 'RLIMIT_NOFILE', soft: 10, hard: 20 },
      { type: 'RLIMIT_CPU', soft: 1, hard: '18446744073709551615' as unknown },
    ].slice(0, 1),
    'process.capabilities': {
      bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_CHECKPOINT_RESTORE'],
      effective: ['CAP_CHOWN'],
      permitted: ['CAP_CHOWN', 'CAP_KILL'],
      inheritable: ['CAP_KILL'],
      ambient: [],
    },
    'linux.personality': { domain: 'LINUX32' },
  });
  t.deepEqual(argsOf(init, 'user'), [['1000', '1001', '63', '1']]);
  t.deepEqual(argsOf(init, 'group'), [['5'], ['4294967294']]);
  t.deepEqual(argsOf(init, 'rlimit'), [['7', '10', '20']]);
  t.is(argsOf(init, 'no-new-privileges').length, 1);
  t.deepEqual(argsOf(init, 'personality'), [['8']]);
  t.deepEqual(argsOf(init, 'capabilities'), [
    [(1n | (1n << 5n) | (1n << 40n)).toString(16), '1', (1n | (1n << 5n)).toString(16), (1n << 5n).toString(16), '0'],
  ]);
});

test('without anything said: root without capabilities, and the usual umask', async (t) => {
  const { init } = await prepare();
  t.deepEqual(argsOf(init, 'user'), [['0', '0', '18', '1']]);
  t.deepEqual(argsOf(init, 'capabilities'), [['0', '0', '0', '0', '0']]);
  t.deepEqual(argsOf(init, 'no-new-privileges'), []);
  t.deepEqual(argsOf(init, 'group'), []);
});

test('every limit has its number of the kernel', async (t) => {
  const types = 'CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME';
  const rlimits = types
    .split(' ')
    .map((name, index) => ({ type: `RLIMIT_${name}`, soft: index, hard: 2n ** 64n - 1n }));
  const spec = parseSpec(
    encode(minimalWith({ 'process.rlimits': rlimits, 'linux.namespaces': [{ type: 'mount' }] })),
    'config.json',
    BUNDLE,
  ).value;
  const { init } = await prepareSpec(spec);
  t.deepEqual(
    argsOf(init, 'rlimit'),
    rlimits.map((_, index) => [String(index), String(index), '18446744073709551615']),
  );
});

test('names and sysctls are set before /proc is sealed, and the root last of all', async (t) => {
  const prepared = await prepare({
    hostname: 'box',
    domainname: 'example.org',
    'root.readonly': true,
    'linux.namespaces': [{ type: 'mount' }, { type: 'uts' }, { type: 'network' }],
    'linux.sysctl': { 'net.ipv4.ip_forward': '1' },
    'linux.readonlyPaths': ['/proc/sys'],
    'linux.maskedPaths': ['/proc/kcore'],
    'linux.rootfsPropagation': 'rslave',
  });
  const { init } = prepared;
  t.deepEqual(argsOf(init, 'write'), [['sys/net/ipv4/ip_forward', '1']]);
  t.deepEqual(argsOf(init, 'hostname'), [['box']]);
  t.deepEqual(argsOf(init, 'domainname'), [['example.org']]);
  t.deepEqual(argsOf(init, 'propagation'), [['/', String((1 << 19) | (1 << 14))]]);
  t.deepEqual(argsOf(init, 'setattr'), [['/', '1', '0', '0', '0']]);
  const order = [
    position(prepared, 'mkdir', '/'),
    position(prepared, 'hostname'),
    position(prepared, 'write'),
    position(prepared, 'readonly', '/proc/sys'),
    position(prepared, 'mask', '/proc/kcore'),
    position(prepared, 'setattr', '/'),
    position(prepared, 'user'),
    position(prepared, 'arg'),
  ];
  t.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
  t.true(order.every((index) => index >= 0));
});

test('every operation says where in the config.json it comes from', async (t) => {
  const { init, monitor } = await prepare(
    {
      hostname: 'box',
      'linux.sysctl': { 'net.ipv4.ip_forward': '1' },
      'linux.namespaces': [{ type: 'mount' }, { type: 'uts' }, { type: 'network' }],
      'linux.maskedPaths': ['/proc/kcore'],
      'linux.resources': { pids: { limit: 5 } },
      mounts: [{ destination: '/data', type: 'bind', source: '/srv', options: ['rbind'] }],
    },
    { hierarchies: V1 },
  );
  const fieldOf = (name: string) => [...init, ...monitor].find((operation) => operation.name === name)?.field;
  t.is(fieldOf('hostname'), 'hostname');
  t.is(fieldOf('write'), 'linux.sysctl["net.ipv4.ip_forward"]');
  t.is(fieldOf('mask'), 'linux.maskedPaths');
  t.is(fieldOf('attach'), 'mounts[0]');
  t.is(fieldOf('tree'), 'mounts[0]');
  t.is(fieldOf('cgroup-set'), 'linux.resources.pids.limit');
  t.is(fieldOf('mknod'), 'linux.devices');
});

// ---- Devices ----

test('the default devices, those of the spec, and the links', async (t) => {
  const { init } = await prepare({
    'linux.devices': [
      { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o600, uid: 5, gid: 6 },
      { path: '/dev/null', type: 'c', major: 1, minor: 3, fileMode: 0o600 },
    ],
  });
  const nodes = new Map(argsOf(init, 'mknod').map(([path, ...rest]) => [path, rest]));
  t.deepEqual([...nodes.keys()].sort(), [
    '/dev/full',
    '/dev/fuse',
    '/dev/null',
    '/dev/random',
    '/dev/tty',
    '/dev/urandom',
    '/dev/zero',
  ]);
  t.deepEqual(nodes.get('/dev/zero'), ['c', String(0o666), '1', '5', '0', '0']);
  t.deepEqual(nodes.get('/dev/fuse'), ['c', String(0o600), '10', '229', '5', '6']);
  t.deepEqual(nodes.get('/dev/null'), ['c', String(0o600), '1', '3', '0', '0'], 'the spec says it better');
  t.deepEqual(
    argsOf(init, 'symlink').map(([, path]) => path),
    ['/dev/fd', '/dev/stdin', '/dev/stdout', '/dev/stderr', '/dev/ptmx'],
  );
});

test("in a user namespace, which may make no nodes, the host's are bound", async (t) => {
  const { init, monitor } = await prepare({
    'linux.namespaces': [{ type: 'mount' }, { type: 'user' }],
    'linux.uidMappings': [{ containerID: 0, hostID: 100000, size: 1 }],
    'linux.gidMappings': [{ containerID: 0, hostID: 100000, size: 1 }],
  });
  t.deepEqual(argsOf(init, 'mknod'), []);
  t.true(argsOf(monitor, 'tree').some(([source]) => source === '/dev/null'));
  t.true(argsOf(init, 'attach').some(([, target]) => target === '/dev/null'));
});

test("a /dev that is bound in is somebody else's", async (t) => {
  const { init } = await prepare({
    mounts: [{ destination: '/dev', type: 'bind', source: '/dev', options: ['rbind'] }],
  });
  t.deepEqual(argsOf(init, 'mknod'), []);
  t.deepEqual(argsOf(init, 'symlink'), []);
});

// ---- cgroups ----

test('a cgroup in each hierarchy of v1, and none beside them in a hybrid', async (t) => {
  for (const hierarchies of [V1, HYBRID]) {
    const { monitor, init, cgroups } = await prepare({ 'linux.cgroupsPath': '/a/b' }, { hierarchies });
    t.deepEqual(
      cgroups,
      V1.map(({ base }) => `${base}/a/b`),
    );
    t.deepEqual(
      argsOf(monitor, 'cgroup'),
      V1.map(({ base, controllers }) => [controllers.includes('cpuset') ? 'v1-cpuset' : 'v1', base, '/a/b']),
    );
    t.deepEqual(argsOf(init, 'join'), [[String(V1.length)]]);
  }
});

test('one cgroup in v2, and a program for the devices', async (t) => {
  const { monitor, init, cgroups } = await prepare({ 'linux.resources': { pids: { limit: 5 } } });
  t.deepEqual(cgroups, ['/sys/fs/cgroup/default/hello']);
  t.deepEqual(argsOf(monitor, 'cgroup'), [['v2', '/sys/fs/cgroup', '/default/hello']]);
  t.deepEqual(argsOf(monitor, 'cgroup-set'), [['/sys/fs/cgroup/default/hello/pids.max', '5']]);
  t.deepEqual(argsOf(init, 'join'), [['0']]);
  const [[directory, program] = []] = argsOf(monitor, 'device-filter');
  t.is(directory, '/sys/fs/cgroup/default/hello');
  t.regex(program ?? '', /^([0-9a-f]{16})+$/);
});

test('limits go to the hierarchy that has their controller, devices to theirs, in their order', async (t) => {
  const { monitor } = await prepare(
    {
      'linux.cgroupsPath': '/x',
      'linux.resources': {
        devices: [
          { allow: false, access: 'rwm' },
          { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
        ],
        memory: { limit: 5 },
        cpu: { shares: 2, cpus: '0' },
      },
    },
    { hierarchies: HYBRID },
  );
  const sets = argsOf(monitor, 'cgroup-set');
  t.deepEqual(sets.slice(0, 3), [
    ['/sys/fs/cgroup/memory/x/memory.limit_in_bytes', '5'],
    ['/sys/fs/cgroup/cpu,cpuacct/x/cpu.shares', '2'],
    ['/sys/fs/cgroup/cpuset/x/cpuset.cpus', '0'],
  ]);
  t.deepEqual(sets.slice(3, 5), [
    ['/sys/fs/cgroup/devices/x/devices.deny', 'a'],
    ['/sys/fs/cgroup/devices/x/devices.allow', 'c 10:229 rw'],
  ]);
  // What every container may do, as in runc, after what the spec says.
  t.true(sets.slice(5).every(([file]) => file?.endsWith('/devices.allow')));
  t.true(sets.some(([, value]) => value === 'c 1:3 rwm'));
  t.deepEqual(argsOf(monitor, 'device-filter'), []);
});

test('systemd slices are expanded', async (t) => {
  const { cgroups } = await prepare({ 'linux.cgroupsPath': 'a-b.slice:docker:1234' });
  t.deepEqual(cgroups, ['/sys/fs/cgroup/a.slice/a-b.slice/docker-1234.scope']);
});

test('a cgroup namespace is made after the cgroups are joined, and before anything is mounted', async (t) => {
  const prepared = await prepare({ 'linux.namespaces': [{ type: 'mount' }, { type: 'cgroup' }] }, { hierarchies: V1 });
  t.deepEqual(
    prepared.init.slice(0, 2).map(({ name }) => name),
    ['join', 'cgroup-namespace'],
  );
  t.deepEqual(argsOf((await prepare()).init, 'cgroup-namespace'), []);
});

test('a limit that the host cannot have is refused before anything is made', async (t) => {
  t.regex(
    (await refusal({ 'linux.resources': { network: { classID: 5 } } })) ?? '',
    /^config\.json: linux\.resources\.network\.classID needs the cgroup controller "net_cls"/,
  );
});

// ---- Terminals and hooks ----

test('a terminal is made where the container’s devices are, and is its console', async (t) => {
  const { init } = await prepare({ 'process.terminal': true, 'process.consoleSize': { height: 24, width: 80 } });
  t.deepEqual(argsOf(init, 'terminal'), [['24', '80']]);
  const names = init.map(({ name }) => name);
  t.is(names.indexOf('console'), names.indexOf('terminal') + 1);
  t.true(names.indexOf('terminal') > names.lastIndexOf('mknod'));
});

test('hooks go to whoever runs them, with the state up to what changes', async (t) => {
  const hook = { path: '/bin/hook', args: ['hook', 'a b'], env: ['A=1'], timeout: 3 };
  const { init, monitor } = await prepare({
    'hooks.prestart': [hook],
    'hooks.createContainer': [{ path: '/bin/other' }],
    'hooks.startContainer': [hook],
  });
  const [[bundle, root, network, state = ''] = []] = argsOf(monitor, 'hooks');
  t.deepEqual([bundle, root, network], ['/run/bundle', `${BUNDLE}/rootfs`, '/proc/self/ns/net']);
  t.like(JSON.parse(`${state}}`), { id: 'hello', bundle: '/run/bundle' });
  t.deepEqual(argsOf(monitor, 'hook'), [
    ['prestart', '/bin/hook', '3'],
    ['createContainer', '/bin/other', '0'],
  ]);
  t.deepEqual(argsOf(monitor, 'hook-argument'), [['hook'], ['a b'], ['/bin/other']]);
  t.deepEqual(argsOf(monitor, 'hook-environment'), [['A=1']]);
  t.is(argsOf(init, 'pass-root').length, 1);
  t.deepEqual(argsOf(init, 'hook'), [['startContainer', '/bin/hook', '3']]);
  t.deepEqual(argsOf((await prepare()).monitor, 'hooks'), []);
});

// ---- What the backend does not do ----

for (const [given, message] of [
  [{ 'linux.namespaces': [{ type: 'pid' }] }, /has no new mount namespace/],
  [{ 'linux.namespaces': [{ type: 'mount', path: '/proc/self/ns/mnt' }] }, /linux\.namespaces/],
  [{ 'linux.namespaces': [{ type: 'mount' }, { type: 'time' }] }, /linux\.namespaces\[1\]/],
  [{ 'linux.namespaces': [{ type: 'mount' }, { type: 'pid', path: '/absent' }] }, /linux\.namespaces\[1\]\.path/],
  [{ 'process.selinuxLabel': 'x' }, /process\.selinuxLabel is not supported by the lxc backend yet/],
  [{ 'linux.seccomp': { defaultAction: 'SCMP_ACT_NOTIFY' } }, /linux\.seccomp\.defaultAction is SCMP_ACT_NOTIFY/],
  [
    { mounts: [{ destination: '/a', type: 'tmpfs', source: 's', options: ['tmpcopyup'] }] },
    /mounts\[0\]\.options \(tmpcopyup\)/,
  ],
] as const) {
  test(`refused by name: ${JSON.stringify(given)}`, async (t) => {
    t.regex((await refusal({ ...given })) ?? 'accepted', message);
  });
}

// ---- Whole documents ----

for (const name of ['ctr-run'] as const) {
  for (const hierarchies of [V1, HYBRID, V2]) {
    test(`what ${name} writes is prepared, with ${hierarchies.length} hierarchies`, async (t) => {
      const { value } = parseSpec(Buffer.from(fixtureText(name)), 'config.json', BUNDLE);
      const { init, monitor } = await prepareSpec(value, { hierarchies });
      t.deepEqual(
        argsOf(init, 'mount').map(([type, , target]) => `${type ?? ''} ${target ?? ''}`),
        ['tmpfs /dev', 'devpts /dev/pts', 'tmpfs /dev/shm', 'mqueue /dev/mqueue', 'sysfs /sys', 'tmpfs /run'],
      );
      t.deepEqual(argsOf(init, 'readonly').flat(), [
        '/proc/bus',
        '/proc/fs',
        '/proc/irq',
        '/proc/sys',
        '/proc/sysrq-trigger',
      ]);
      t.is(argsOf(init, 'mask').length, 10);
      t.deepEqual(argsOf(init, 'unmount'), [], 'the proc that liblxc has mounted is the one');
      t.deepEqual(argsOf(monitor, 'order').flat(), [
        '/run/lxcri/containers/default',
        'hello',
        `${DIRECTORY}/lxc.conf`,
        `${BUNDLE}/rootfs`,
        '/run/lxcri/rootfs',
      ]);
    });
  }
}

test('the usage of huge pages is kept for later, of each size that the host has', async (t) => {
  const sizes = { hugePageSizes: ['2MB', '1GB'] };
  const kept = async (hierarchies: typeof V2) =>
    argsOf((await prepare({}, { ...sizes, hierarchies })).monitor, 'keep')
      .flat()
      .filter((word) => word.startsWith('hugetlb/'));
  t.deepEqual(
    await kept(V2),
    ['2MB', '1GB'].flatMap((size) => ['current', 'max', 'events'].map((name) => `hugetlb/hugetlb.${size}.${name}`)),
  );
  t.deepEqual(
    await kept(V1),
    ['2MB', '1GB'].flatMap((size) =>
      ['usage_in_bytes', 'max_usage_in_bytes', 'failcnt'].map((name) => `hugetlb/hugetlb.${size}.${name}`),
    ),
  );
});

test('the programs are those of the library directory', (t) => {
  const backend = new LxcBackend({
    libraryDirectory: '/opt/lib',
    rootfsMount: '/m',
    hierarchies: V2,
    hugePageSizes: [],
  });
  t.is(backend.driver, '/opt/lib/lxcri-lxc');
  t.is(backend.init, '/opt/lib/lxcri-init');
});
