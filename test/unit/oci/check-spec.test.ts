import test from 'ava';
import fc from 'fast-check';
import { StatusError } from '../../../common/errors.ts';
import { parseProcess, parseResources, parseSpec } from '../../../shim/oci/parse-documents.ts';
import { RLIM_INFINITY } from '../../../shim/oci/spec.ts';
import {
  accept,
  BUNDLE,
  encode,
  FIXTURES,
  fixtureText,
  minimal,
  minimalWith,
  parse,
  refusal,
  type Json,
} from './documents.ts';

for (const name of FIXTURES) {
  test(`accepts ${name}`, (t) => {
    t.notThrows(() => parseSpec(Buffer.from(fixtureText(name)), 'config.json', BUNDLE));
  });
}

test('warns of nothing in what clients generate, but of mappings beside the path of a user namespace', (t) => {
  const warnings = FIXTURES.flatMap((name) => parseSpec(Buffer.from(fixtureText(name)), name, BUNDLE).warnings);
  t.deepEqual(
    warnings,
    ['uidMappings', 'gidMappings'].map(
      (key) =>
        `kubelet-sandbox-userns: linux.${key}: the user namespace at "/proc/4242/ns/user" has its own mappings, ` +
        'which hold instead of these',
    ),
  );
});

test('fills in what is absent', (t) => {
  t.deepEqual(parse(minimal()).value, {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0, additionalGids: [] },
      args: ['true'],
      env: [],
      cwd: '/',
      rlimits: [],
      noNewPrivileges: false,
    },
    root: { path: `${BUNDLE}/rootfs`, readonly: false },
    mounts: [],
    hooks: {
      prestart: [],
      createRuntime: [],
      createContainer: [],
      startContainer: [],
      poststart: [],
      poststop: [],
    },
    annotations: {},
    linux: {
      namespaces: [],
      uidMappings: [],
      gidMappings: [],
      timeOffsets: {},
      devices: [],
      netDevices: {},
      resources: {
        devices: [],
        memory: {},
        cpu: {},
        pids: {},
        blockIO: {
          weightDevice: [],
          throttleReadBpsDevice: [],
          throttleWriteBpsDevice: [],
          throttleReadIOPSDevice: [],
          throttleWriteIOPSDevice: [],
        },
        hugepageLimits: [],
        network: { priorities: [] },
        rdma: {},
        unified: {},
      },
      sysctl: {},
      maskedPaths: [],
      readonlyPaths: [],
    },
  });
});

test('null and unset are the same, as for Go', (t) => {
  const nulls = { hostname: null, mounts: null, annotations: null, hooks: null, linux: null, windows: null };
  t.deepEqual(parse({ ...minimal(), ...nulls }).value, parse(minimal()).value);
  const empty = { hostname: '', 'process.apparmorProfile': '', 'linux.cgroupsPath': '', 'linux.seccomp': {} };
  t.deepEqual(accept(empty), parse(minimal()).value);
});

test('properties that the specification does not know are ignored', (t) => {
  const unknown = { 'io.example': 1, 'process.user.shoe': 43, 'linux.resources.memory.colour': ['red'] };
  t.deepEqual(accept(unknown), parse(minimal()).value);
});

test('64-bit integers are exact', (t) => {
  const { process, linux } = accept({
    'process.rlimits.0': { type: 'RLIMIT_CORE', hard: 2n ** 64n - 1n, soft: 9007199254740993n },
    'linux.resources.memory.limit': 9223372036854771712n,
    'linux.resources.memory.reservation': -1,
    'linux.resources.cpu.quota': -(2n ** 63n),
  });
  t.deepEqual(process.rlimits, [{ type: 'RLIMIT_CORE', hard: RLIM_INFINITY, soft: 9007199254740993n }]);
  t.deepEqual(linux.resources.memory, { limit: 9223372036854771712n, reservation: -1n });
  t.is(linux.resources.cpu.quota, -(2n ** 63n));
});

test('limits of 0 are unset where runc has it so', (t) => {
  const { resources } = accept({
    'linux.resources.memory': { limit: 0, swap: 0, swappiness: 0 },
    'linux.resources.cpu': { shares: 0, quota: 0, period: 0, burst: 0, idle: 0 },
    'linux.resources.pids.limit': 0,
  }).linux;
  t.deepEqual(resources.memory, { swappiness: 0 });
  t.deepEqual(resources.cpu, { burst: 0n, idle: 0n });
  t.deepEqual(resources.pids, { limit: 0n });
});

test('of several values of a variable the last one wins', (t) => {
  const env = ['A=1', 'B=\n', 'A=', 'C=x=y', 'B= 2'];
  t.deepEqual(accept({ 'process.env': env }).process.env, ['A=', 'C=x=y', 'B= 2']);
});

test('arguments stay exact', (t) => {
  const args = ['', ' ', '\n', '"\'$`\\', '😀', '-'];
  t.deepEqual(accept({ 'process.args': args }).process.args, args);
});

test('unknown capabilities are left out with a warning, doubled ones once', (t) => {
  const bounding = ['CAP_CHOWN', 'CAP_FLY', 'CAP_CHOWN', 'CAP_CHECKPOINT_RESTORE'];
  const { value, warnings } = parse(minimalWith({ 'process.capabilities.bounding': bounding }));
  t.deepEqual(value.process.capabilities?.bounding, ['CAP_CHOWN', 'CAP_CHECKPOINT_RESTORE']);
  t.deepEqual(warnings, [
    'config.json: process.capabilities.bounding: "CAP_FLY" is not a capability that Linux has; it is ignored',
  ]);
});

test('a console size without a terminal is ignored', (t) => {
  const consoleSize = { height: 24, width: 80 };
  t.is(accept({ 'process.consoleSize': consoleSize }).process.consoleSize, undefined);
  t.deepEqual(
    accept({ 'process.consoleSize': consoleSize, 'process.terminal': true }).process.consoleSize,
    consoleSize,
  );
});

test('paths are resolved', (t) => {
  const { root, mounts, linux } = accept({
    'root.path': '/srv/../srv/rootfs',
    mounts: [
      { destination: 'data//x/../', type: 'bind', source: 'dir', options: ['bind'] },
      { destination: '/../../a', type: 'none', source: '/x/../y', options: ['rbind'] },
      { destination: '/', type: 'tmpfs', source: 'tmpfs' },
    ],
    'linux.namespaces': [{ type: 'mount' }],
    'linux.maskedPaths': ['/proc//kcore/'],
  });
  t.is(root.path, '/srv/../srv/rootfs');
  t.deepEqual(
    mounts.map(({ destination, source }) => [destination, source]),
    [
      ['/data', `${BUNDLE}/dir`],
      ['/a', '/x/../y'],
      ['/', 'tmpfs'],
    ],
  );
  t.deepEqual(linux.maskedPaths, ['/proc/kcore']);
});

test('devices come as mknod(2) takes them', (t) => {
  const { devices } = accept({
    'linux.devices': [
      { path: '/dev/fuse', type: 'u', major: 10, minor: 229, fileMode: 0o20666 },
      { path: '/dev/pipe', type: 'p', major: -1 },
    ],
    'linux.resources.devices': [{ allow: true, access: 'rwm', major: -1 }],
  }).linux;
  t.deepEqual(devices, [
    { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666 },
    { path: '/dev/pipe', type: 'p', major: 0, minor: 0 },
  ]);
});

test('seccomp flags: absent is not empty', (t) => {
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW' };
  t.is(accept({ 'linux.seccomp': seccomp }).linux.seccomp?.flags, undefined);
  t.deepEqual(accept({ 'linux.seccomp': { ...seccomp, flags: [] } }).linux.seccomp?.flags, []);
});

const UTS = { 'linux.namespaces': [{ type: 'uts' }] };
const USER = { 'linux.namespaces': [{ type: 'user' }] };
const map = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });
const ONE_MAP = [map(0, 100000, 65536)];

/** Values on top of `minimal`, and the refusal without the document's name. */
const REFUSED: readonly (readonly [values: Json, message: string])[] = [
  [{ ociVersion: null }, 'ociVersion is missing: expected a string'],
  [{ ociVersion: '2.0.0' }, 'ociVersion is "2.0.0": expected a version of the form 1.MINOR.PATCH'],
  [{ process: null }, 'process is missing: expected an object'],
  [{ process: [] }, 'process is a list of 0: expected an object'],
  [{ 'process.args': [] }, 'process.args is a list of 0: expected at least one argument, the executable'],
  [{ 'process.args': null }, 'process.args is missing: expected at least one argument, the executable'],
  [{ 'process.args': 'ls' }, 'process.args is "ls": expected a list'],
  [
    { 'process.args.1': 'a\0b' },
    'process.args[1] is "a\\u0000b": expected a string without NUL and without unpaired surrogates',
  ],
  [
    { 'process.args.1': '\ud800' },
    'process.args[1] is "\\ud800": expected a string without NUL and without unpaired surrogates',
  ],
  [{ 'process.args.1': null }, 'process.args[1] is missing: expected a string'],
  [{ 'process.cwd': 'tmp' }, 'process.cwd is "tmp": expected an absolute path'],
  [{ 'process.cwd': null }, 'process.cwd is missing: expected a string'],
  [{ 'process.env': ['SECRET'] }, 'process.env[0] is "(not shown)": expected NAME=value'],
  [{ 'process.env': ['A=', '=x'] }, 'process.env[1] is "(not shown)": expected NAME=value'],
  [
    { 'process.env': ['KEY=secret\0'] },
    'process.env[0] is "KEY=(not shown)": expected a value without NUL and without unpaired surrogates',
  ],
  [{ 'process.user.uid': -1 }, 'process.user.uid is -1: expected an integer from 0 to 4294967294'],
  [{ 'process.user.gid': 4294967295 }, 'process.user.gid is 4294967295: expected an integer from 0 to 4294967294'],
  [{ 'process.user.uid': '0' }, 'process.user.uid is "0": expected an integer from 0 to 4294967294'],
  [
    { 'process.user.additionalGids': [1, 1.5] },
    'process.user.additionalGids[1] is 1.5: expected an integer from 0 to 4294967294',
  ],
  [{ 'process.user.umask': 0o1000 }, 'process.user.umask is 512: expected an integer from 0 to 511'],
  [{ 'process.capabilities.bounding': ['CAP_KILL', 7] }, 'process.capabilities.bounding[1] is 7: expected a string'],
  [{ 'process.noNewPrivileges': 'yes' }, 'process.noNewPrivileges is "yes": expected true or false'],
  [{ 'process.oomScoreAdj': 1001 }, 'process.oomScoreAdj is 1001: expected an integer from -1000 to 1000'],
  [
    { 'process.rlimits': [{ type: 'RLIMIT_NOFILE', hard: 1, soft: 2 }] },
    'process.rlimits[0].soft is 2: expected at most the hard limit, 1',
  ],
  [
    { 'process.rlimits': [{ type: 'RLIMIT_AS', hard: 2n ** 64n, soft: 0 }] },
    'process.rlimits[0].hard is 18446744073709551616: expected an integer from 0 to 18446744073709551615',
  ],
  [
    {
      'process.rlimits': [
        { type: 'RLIMIT_AS', hard: 1, soft: 1 },
        { type: 'RLIMIT_AS', hard: 1, soft: 1 },
      ],
    },
    'process.rlimits[1].type is "RLIMIT_AS": expected each type once',
  ],
  [
    { 'process.scheduler': { policy: 'SCHED_OTHER', priority: 1 } },
    'process.scheduler.priority is 1: expected none, unless policy is SCHED_FIFO or SCHED_RR',
  ],
  [
    { 'process.scheduler': { policy: 'SCHED_FIFO', runtime: 1 } },
    'process.scheduler.runtime is 1: expected none, unless policy is SCHED_DEADLINE',
  ],
  [
    { 'process.ioPriority': { class: 'IOPRIO_CLASS_BE', priority: 8 } },
    'process.ioPriority.priority is 8: expected an integer from 0 to 7',
  ],
  [{ 'process.apparmorProfile': 'a\nb' }, 'process.apparmorProfile is "a\\nb": expected one line'],
  [
    { 'process.commandLine': 'cmd' },
    'process.commandLine is "cmd": expected no command line, which is for Windows; give args',
  ],
  [{ root: null }, 'root is missing: expected an object'],
  [{ 'root.path': '' }, 'root.path is "": expected a string that is not empty'],
  [{ hostname: 'box' }, 'hostname is "box": expected none, or a namespace of type uts in linux.namespaces'],
  [
    { ...UTS, hostname: 'h'.repeat(65) },
    `hostname is "${'h'.repeat(60)}"…: expected at most 64 bytes, the kernel keeps no more`,
  ],
  [{ mounts: [{ type: 'tmpfs' }] }, 'mounts[0].destination is missing: expected a string'],
  [
    { mounts: [{ destination: '/x', source: '/y' }] },
    'mounts[0].type is missing: expected a file system type, as options has neither bind nor rbind',
  ],
  [
    { mounts: [{ destination: '/x', source: '/y', type: 'bind' }] },
    'mounts[0].options is a list of 0: expected bind or rbind among them, as type is "bind"',
  ],
  [{ mounts: [{ destination: '/x', options: ['bind'] }] }, 'mounts[0].source is missing: expected the path to bind'],
  [
    { mounts: [{ destination: '/x', source: '/y', options: ['bind', 'ro', 'size=1'] }] },
    'mounts[0].options[2] is "size=1": expected an option that a bind mount has, as it has no file system of its own',
  ],
  [
    { mounts: [{ destination: '/x', type: 'proc', options: ['tmpcopyup'] }] },
    'mounts[0].type is "proc": expected tmpfs, as options has tmpcopyup',
  ],
  [
    { mounts: [{ destination: '/x', type: 'overlay', options: ['x'.repeat(4096)] }] },
    'mounts[0].options is a list of 1: expected at most 4095 bytes of file system options',
  ],
  [
    { mounts: [{ destination: '/x', type: 'tmpfs', options: ['idmap'] }] },
    'mounts[0].options is a list of 1: expected bind or rbind among them, as only binds can be id-mapped',
  ],
  [
    { mounts: [{ destination: '/x', source: '/y', options: ['bind', 'idmap'] }] },
    'mounts[0].uidMappings is missing: expected mappings or a user namespace, as options has idmap',
  ],
  [
    { mounts: [{ destination: '/x', source: '/y', options: ['bind'], uidMappings: ONE_MAP }] },
    'mounts[0].gidMappings is missing: expected both uidMappings and gidMappings, or neither',
  ],
  [{ 'hooks.prestart': [{ path: 'hook' }] }, 'hooks.prestart[0].path is "hook": expected an absolute path'],
  [
    { 'hooks.poststop': [{ path: '/hook', timeout: 0 }] },
    'hooks.poststop[0].timeout is 0: expected an integer from 1 to 2147483647',
  ],
  [{ annotations: { 'io.example/x': 1 } }, 'annotations["io.example/x"] is 1: expected a string'],
  [{ annotations: { '': 'x' } }, 'annotations[""] is "": expected a string that is not empty'],
  [{ windows: {} }, 'windows is an object: expected none, as this runtime runs Linux containers only'],
  [
    { 'linux.namespaces': [{ type: 'net' }] },
    'linux.namespaces[0].type is "net": expected one of pid, network, mount, ipc, uts, user, cgroup, time',
  ],
  [
    { 'linux.namespaces': [{ type: 'pid' }, { type: 'pid' }] },
    'linux.namespaces[1].type is "pid": expected each type once',
  ],
  [
    { 'linux.namespaces': [{ type: 'pid', path: 'ns' }] },
    'linux.namespaces[0].path is "ns": expected an absolute path',
  ],
  [
    { 'linux.maskedPaths': ['/proc/kcore'] },
    'linux.maskedPaths is a list of 1: expected none, or a namespace of type mount in linux.namespaces',
  ],
  [{ 'linux.readonlyPaths': ['proc'] }, 'linux.readonlyPaths[0] is "proc": expected an absolute path'],
  [USER, 'linux.uidMappings is missing: expected at least one mapping for the new user namespace'],
  [
    { 'linux.gidMappings': ONE_MAP },
    'linux.gidMappings is a list of 1: expected none, or a namespace of type user in linux.namespaces',
  ],
  [{ 'linux.uidMappings': [map(0, 0, 0)] }, 'linux.uidMappings[0].size is 0: expected an integer from 1 to 4294967295'],
  [
    { 'linux.uidMappings': [map(0, 4294967000, 296)] },
    'linux.uidMappings[0].size is 296: expected a range that ends below 2^32',
  ],
  [
    { 'linux.uidMappings': [map(10, 0, 5), map(5, 100, 6)] },
    'linux.uidMappings[0].containerID is 10: expected a range that overlaps no other',
  ],
  [
    { 'linux.uidMappings': [map(0, 7, 1), map(1, 7, 1)] },
    'linux.uidMappings[1].hostID is 7: expected a range that overlaps no other',
  ],
  [
    { 'linux.timeOffsets': { monotonic: { secs: 1 } } },
    'linux.timeOffsets is an object: expected none, or a namespace of type time in linux.namespaces',
  ],
  [
    { 'linux.netDevices': { eth0: {} } },
    'linux.netDevices is an object: expected none, or a namespace of type network in linux.namespaces',
  ],
  [{ 'linux.netDevices': { 'a/b': {} } }, 'linux.netDevices["a/b"] is "a/b": expected the name of a network interface'],
  [
    { 'linux.devices': [{ path: 'null', type: 'c', major: 1, minor: 3 }] },
    'linux.devices[0].path is "null": expected an absolute path',
  ],
  [{ 'linux.devices': [{ path: '/dev/x', type: 'd' }] }, 'linux.devices[0].type is "d": expected one of c, b, u, p'],
  [
    { 'linux.devices': [{ path: '/dev/x', type: 'b', minor: 3 }] },
    'linux.devices[0].major is missing: expected an integer from 0 to 4095',
  ],
  [
    { 'linux.devices': [{ path: '/dev/x', type: 'b', major: 1, minor: 1048576 }] },
    'linux.devices[0].minor is 1048576: expected an integer from 0 to 1048575',
  ],
  [{ 'linux.cgroupsPath': '/../..' }, 'linux.cgroupsPath is "/../..": expected a cgroup of its own, not the root'],
  [
    { 'linux.cgroupsPath': 'a--b.slice:x:y' },
    'linux.cgroupsPath is "a--b.slice:x:y": expected a slice without leading, trailing or double dash',
  ],
  [{ 'linux.resources.devices': [{ allow: true }] }, 'linux.resources.devices[0].access is missing: expected a string'],
  [
    { 'linux.resources.devices': [{ allow: true, access: 'rx' }] },
    'linux.resources.devices[0].access is "rx": expected one or more of r, w and m',
  ],
  [
    { 'linux.resources.devices': [{ allow: true, access: 'r', major: 1 }] },
    'linux.resources.devices[0].type is "a": expected c or b, as there is a device number',
  ],
  [
    { 'linux.resources.memory.limit': -2 },
    'linux.resources.memory.limit is -2: expected a positive integer, 0, or -1 for unlimited',
  ],
  [
    { 'linux.resources.memory.limit': 1e19 },
    'linux.resources.memory.limit is 10000000000000000000: expected an integer from -9223372036854775808 to 9223372036854775807',
  ],
  [
    { 'linux.resources.memory': { swap: 5 } },
    'linux.resources.memory.swap is 5: expected none, or a memory limit beside it',
  ],
  [
    { 'linux.resources.memory': { limit: 9, swap: 5 } },
    'linux.resources.memory.swap is 5: expected at least the memory limit, 9, as it includes it',
  ],
  [
    { 'linux.resources.memory.swappiness': 101 },
    'linux.resources.memory.swappiness is 101: expected an integer from 0 to 100',
  ],
  [
    { 'linux.resources.cpu.cpus': '0\n1' },
    'linux.resources.cpu.cpus is "0\\n1": expected a list of numbers and ranges such as "0-3,7"',
  ],
  [
    { 'linux.resources.hugepageLimits': [{ pageSize: '../2MB', limit: 1 }] },
    'linux.resources.hugepageLimits[0].pageSize is "../2MB": expected a page size such as "2MB"',
  ],
  [
    { 'linux.resources.unified': { '../cgroup.procs': '1' } },
    'linux.resources.unified["../cgroup.procs"] is "../cgroup.procs": expected a file name in the form CONTROLLER.PARAMETER',
  ],
  [
    { 'linux.rootfsPropagation': 'public' },
    'linux.rootfsPropagation is "public": expected one of private, rprivate, shared, rshared, slave, rslave, unbindable, runbindable',
  ],
  [
    { 'linux.sysctl': { 'net.ipv4.ip_forward': '1' } },
    'linux.sysctl["net.ipv4.ip_forward"] is "1": expected none, or a namespace of type network in linux.namespaces',
  ],
  [
    { 'linux.sysctl': { 'vm.swappiness': '1' } },
    'linux.sysctl["vm.swappiness"] is "1": expected none, as this sysctl belongs to the whole machine',
  ],
  [
    { ...UTS, 'linux.sysctl': { 'kernel.hostname': 'x' } },
    'linux.sysctl["kernel.hostname"] is "x": expected none; hostname in config.json says it',
  ],
  [{ 'linux.sysctl': { hostname: 'x' } }, 'linux.sysctl.hostname is "hostname": expected the name of a sysctl'],
  [
    { 'linux.seccomp.defaultAction': 'ALLOW' },
    'linux.seccomp.defaultAction is "ALLOW": expected one of SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY',
  ],
  [
    { 'linux.seccomp': { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: [], action: 'SCMP_ACT_KILL' }] } },
    'linux.seccomp.syscalls[0].names is a list of 0: expected at least one system call',
  ],
  [
    { 'linux.seccomp': { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1 } },
    'linux.seccomp.defaultErrnoRet is 1: expected none, as SCMP_ACT_ALLOW returns no errno',
  ],
  [
    { 'linux.intelRdt.closID': '..' },
    'linux.intelRdt.closID is "..": expected "/" or the name of a directory in resctrl',
  ],
  [
    { 'linux.memoryPolicy': { mode: 'MPOL_BIND' } },
    'linux.memoryPolicy.nodes is missing: expected at least one node with mode MPOL_BIND',
  ],
  [
    { 'linux.memoryPolicy': { mode: 'MPOL_LOCAL', nodes: '0' } },
    'linux.memoryPolicy.nodes is "0": expected no nodes with mode MPOL_LOCAL',
  ],
  [{ 'linux.personality.domain': 'BSD' }, 'linux.personality.domain is "BSD": expected one of LINUX, LINUX32'],
];

for (const [values, message] of REFUSED) {
  test(`refuses: ${message.slice(0, 120)}`, (t) => {
    t.is(refusal(minimalWith(values)), `config.json: ${message}`);
  });
}

/** Every place of a document, as the function that puts a value there. */
function places(value: unknown, put: (replacement: unknown) => void): ((replacement: unknown) => void)[] {
  const inner =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, item]) => places(item, (x) => ((value as Json)[key] = x)))
      : [];
  return [put, ...inner];
}

const anyJson = fc.oneof(
  fc.jsonValue(),
  fc.bigInt(),
  fc.constantFrom('', '\0', '..', '/', -1, 2 ** 53, 4294967295, null, [], {}, [null], { __proto__: null }),
);

test('any value at any place of any document gives a spec or a StatusError', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...FIXTURES),
      fc.array(fc.tuple(fc.nat(), anyJson), { minLength: 1, maxLength: 3 }),
      (name, changes) => {
        let document: unknown = JSON.parse(fixtureText(name));
        for (const [at, value] of changes) {
          const all = places(document, (x) => (document = x));
          all[at % all.length]?.(value);
        }
        const message = refusal(document); // throws whatever is no StatusError
        t.true(message === undefined || message.startsWith('config.json'));
      },
    ),
    { numRuns: 3000 },
  );
});

const any = (type: string, document: unknown) => ({
  typeUrl: `types.containerd.io/opencontainers/runtime-spec/1/${type}`,
  value: encode(document),
});

test('any JSON at all gives a StatusError', (t) => {
  fc.assert(
    fc.property(anyJson, (value) => {
      t.throws(() => parseProcess(any('Process', value), 'the document'), { instanceOf: StatusError });
      t.throws(() => parseSpec(encode(value), 'the document', BUNDLE), { instanceOf: StatusError });
    }),
  );
});

test('bytes that were mangled give a spec or a StatusError', (t) => {
  const text = Buffer.from(fixtureText('docker-run'));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(text.length - 1), fc.nat(255)), { maxLength: 3 }),
      fc.nat(text.length),
      (changes, end) => {
        const bytes = Buffer.from(text);
        for (const [at, byte] of changes) bytes[at] = byte;
        try {
          parseSpec(bytes.subarray(0, end), 'config.json', BUNDLE);
        } catch (error) {
          t.true(error instanceof StatusError, String(error));
        }
        t.pass();
      },
    ),
    { numRuns: 500 },
  );
});

test('what is normalised is normal: checking it again changes nothing', (t) => {
  for (const name of FIXTURES) {
    const { value } = parseSpec(Buffer.from(fixtureText(name)), name, BUNDLE);
    t.deepEqual(parse(value).value, value);
  }
});

test('an exec process and an update are checked alone', (t) => {
  const { value } = parseProcess(any('Process', { args: ['ls'], cwd: '/', terminal: true }), 'the exec process');
  t.true(value.terminal);
  t.throws(() => parseProcess(any('Process', { args: ['ls'] }), 'the exec process'), {
    message: 'the exec process: cwd is missing: expected a string',
  });
  t.deepEqual(parseResources(any('LinuxResources', { memory: { limit: 5 } }), 'the update').value.memory, {
    limit: 5n,
  });
  t.throws(() => parseResources(any('LinuxResources', { memory: 5 }), 'the update'), {
    message: 'the update: memory is 5: expected an object',
  });
  t.throws(() => parseProcess(any('LinuxResources', {}), 'the exec process'), {
    message: /^the exec process has the type ".*LinuxResources": expected .*Process$/,
  });
  t.deepEqual(parseResources({ typeUrl: '', value: encode({}) }, 'the update').warnings, []);
});
