import test from 'ava';
import { Code, StatusError } from '../../../common/errors.ts';
import { fieldsUnder, refuseUnhonoured, SPEC_FIELDS, unhonoured, type SpecField } from '../../../shim/oci/honoured.ts';
import { parseSpec } from '../../../shim/oci/parse-documents.ts';
import { NAMESPACE_TYPES } from '../../../shim/oci/spec.ts';
import { accept, BUNDLE, fixtureText, minimal, parse, type Json } from './documents.ts';

const all = new Set(SPEC_FIELDS);
const allBut = (...fields: SpecField[]) => new Set(SPEC_FIELDS.filter((field) => !fields.includes(field)));

/** Says something in every field that the specification defines. */
function everything(): Json {
  const caps = ['CAP_KILL'];
  const mapping = [{ containerID: 0, hostID: 1, size: 1 }];
  const hook = [{ path: '/hook' }];
  const throttle = [{ major: 1, minor: 1, rate: 1 }];
  return {
    ociVersion: '1.3.0',
    process: {
      terminal: true,
      consoleSize: { height: 1, width: 1 },
      user: { uid: 0, gid: 0, umask: 0, additionalGids: [0] },
      args: [''],
      env: ['A='],
      cwd: '/',
      capabilities: { bounding: caps, effective: caps, inheritable: caps, permitted: caps, ambient: caps },
      rlimits: [{ type: 'RLIMIT_CPU', hard: 0, soft: 0 }],
      noNewPrivileges: true,
      apparmorProfile: 'unconfined',
      oomScoreAdj: 0,
      scheduler: { policy: 'SCHED_OTHER' },
      selinuxLabel: 'label',
      ioPriority: { class: 'IOPRIO_CLASS_BE' },
      execCPUAffinity: { initial: '0' },
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'h',
    domainname: 'd',
    mounts: [
      {
        destination: '/a',
        source: '/a',
        options: ['bind', 'rprivate', 'rro', 'idmap'],
        uidMappings: mapping,
        gidMappings: mapping,
      },
      { destination: '/b', type: 'tmpfs', options: ['tmpcopyup', 'remount'] },
    ],
    hooks: Object.fromEntries(
      ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'].map((kind) => [
        kind,
        hook,
      ]),
    ),
    annotations: { a: '' },
    linux: {
      namespaces: NAMESPACE_TYPES.map((type) => ({ type, ...(type !== 'time' && type !== 'user' && { path: '/ns' }) })),
      uidMappings: mapping,
      gidMappings: mapping,
      timeOffsets: { boottime: { secs: 0 } },
      devices: [{ path: '/dev/x', type: 'p' }],
      netDevices: { eth0: {} },
      cgroupsPath: '/a',
      resources: {
        devices: [{ allow: false, access: 'rwm' }],
        memory: {
          limit: 1,
          reservation: 1,
          swap: 1,
          kernel: 1,
          kernelTCP: 1,
          swappiness: 0,
          disableOOMKiller: true,
          useHierarchy: true,
          checkBeforeUpdate: true,
        },
        cpu: {
          shares: 1,
          quota: 1,
          burst: 0,
          period: 1,
          realtimeRuntime: 1,
          realtimePeriod: 1,
          cpus: '0',
          mems: '0',
          idle: 0,
        },
        pids: { limit: 0 },
        blockIO: {
          weight: 1,
          leafWeight: 1,
          weightDevice: [{ major: 1, minor: 1, weight: 1 }],
          throttleReadBpsDevice: throttle,
          throttleWriteBpsDevice: throttle,
          throttleReadIOPSDevice: throttle,
          throttleWriteIOPSDevice: throttle,
        },
        hugepageLimits: [{ pageSize: '2MB', limit: 0 }],
        network: { classID: 1, priorities: [{ name: 'eth0', priority: 0 }] },
        rdma: { mlx5: { hcaHandles: 1 } },
        unified: { 'memory.high': 'max' },
      },
      rootfsPropagation: 'slave',
      seccomp: { defaultAction: 'SCMP_ACT_ALLOW' },
      sysctl: { 'net.core.somaxconn': '1' },
      maskedPaths: ['/a'],
      readonlyPaths: ['/a'],
      mountLabel: 'label',
      intelRdt: { closID: 'x' },
      memoryPolicy: { mode: 'MPOL_LOCAL' },
      personality: { domain: 'LINUX', flags: ['x'] },
    },
  };
}

test('all of it honoured: nothing to refuse', (t) => {
  t.deepEqual(unhonoured(parse(everything()).value, all), []);
});

test('each field, when it alone is not honoured, is found', (t) => {
  const spec = parse(everything()).value;
  const byPath: readonly SpecField[] = ['linux.namespaces[].path:time', 'linux.namespaces[].path:user'];
  for (const field of SPEC_FIELDS.filter((name) => !byPath.includes(name))) {
    const found = unhonoured(spec, allBut(field));
    t.is(found.length, 1, field);
    t.is(found[0]?.replace(/\[[0-9]\]/, '[]').replace(/ \(.*/, ''), field.replace(/:.*/, ''));
  }
});

test('namespaces by path', (t) => {
  const spec = accept({
    'linux.namespaces': [
      { type: 'time', path: '/t' },
      { type: 'user', path: '/u' },
    ],
  });
  t.deepEqual(unhonoured(spec, allBut('linux.namespaces[].path:time')), ['linux.namespaces[0].path (time)']);
  t.deepEqual(unhonoured(spec, allBut('linux.namespaces[]:user', 'linux.namespaces[].path:user')), [
    'linux.namespaces[1] (user)',
  ]);
});

test('what is absent, false or empty is not refused', (t) => {
  const needed: readonly SpecField[] = [
    'process.user.uid',
    'process.user.gid',
    'process.args',
    'process.cwd',
    'root.path',
  ];
  t.deepEqual(unhonoured(parse(minimal()).value, new Set(needed)), []);
});

test('all places are named at once, with the code that containerd does not retry', (t) => {
  const spec = parse({ ...minimal(), linux: { intelRdt: { closID: 'x' }, mountLabel: 'y' } }).value;
  const error = t.throws(
    () => {
      refuseUnhonoured(spec, allBut('linux.intelRdt', 'linux.mountLabel'), 'lxc');
    },
    { instanceOf: StatusError },
  );
  t.is(error.code, Code.InvalidArgument);
  t.is(
    error.message,
    'config.json: linux.mountLabel, linux.intelRdt are not supported by the lxc backend yet: remove them',
  );
});

test('a hundred places are not all named', (t) => {
  const mounts = Array.from({ length: 100 }, () => ({ destination: '/x', source: '/y', options: ['bind', 'rro'] }));
  t.throws(
    () => {
      refuseUnhonoured(accept({ mounts }), allBut('mounts[].options:recursive'), 'lxc');
    },
    { message: /mounts\[19\]\.options \(recursive\) and 80 more are not supported/ },
  );
});

test('a prefix stands for the fields below it', (t) => {
  t.deepEqual(fieldsUnder('linux.personality'), ['linux.personality.domain', 'linux.personality.flags']);
  t.deepEqual(fieldsUnder('root.path'), ['root.path']);
  t.deepEqual(fieldsUnder('linux.namespaces').length, 16);
  t.deepEqual(fieldsUnder('linux.res'), []);
});

test('what ctr run generates by default needs no more than the basics', (t) => {
  const spec = parseSpec(Buffer.from(fixtureText('ctr-run')), 'config.json', BUNDLE).value;
  t.deepEqual(unhonoured(spec, new Set()), [
    'process.user.uid',
    'process.user.gid',
    'process.user.additionalGids',
    'process.args',
    'process.env',
    'process.cwd',
    'process.capabilities.bounding',
    'process.capabilities.effective',
    'process.capabilities.permitted',
    'process.rlimits',
    'process.noNewPrivileges',
    'root.path',
    'mounts',
    'linux.cgroupsPath',
    'linux.resources.devices',
    'linux.resources.cpu.shares',
    'linux.maskedPaths',
    'linux.readonlyPaths',
    'linux.namespaces[0] (pid)',
    'linux.namespaces[1] (ipc)',
    'linux.namespaces[2] (uts)',
    'linux.namespaces[3] (mount)',
    'linux.namespaces[4] (network)',
  ]);
});

test('an Exec brings a process alone', (t) => {
  const { process } = accept({ 'process.terminal': true });
  t.deepEqual(unhonoured({ process }, allBut('process.terminal')), ['process.terminal']);
});

test('an Update brings resources alone', (t) => {
  const { resources } = accept({ 'linux.resources.rdma': { mlx5: { hcaObjects: 1 } } }).linux;
  t.deepEqual(unhonoured({ linux: { resources } }, allBut('linux.resources.rdma')), ['linux.resources.rdma']);
});
