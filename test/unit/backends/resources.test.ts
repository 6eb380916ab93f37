import test from 'ava';
import fc from 'fast-check';
import { formatDeviceRule, translateResources } from '../../../shim/backends/lxc/resources.ts';
import { accept } from '../oci/documents.ts';
import { HYBRID, V1, V2 } from './hierarchies.ts';

/** `linux.resources` as a config.json has it, checked. */
const resources = (value: unknown) => accept({ 'linux.resources': value }).linux.resources;

type Hierarchies = Parameters<typeof translateResources>[1];

const settings = (value: unknown, hierarchies: Hierarchies) =>
  translateResources(resources(value), hierarchies).map(({ file, value: text }) => `${file}=${text}`);

/** Files and values in v1 and in v2; a text is the refusal. */
interface Case {
  readonly title: string;
  readonly given: unknown;
  readonly v1: readonly string[] | RegExp;
  readonly v2: readonly string[] | RegExp;
}

const device = { major: 8, minor: 16 };

/** The conversions are runc's: libcontainer/cgroups, fs and fs2; its own tests have the values of cpu.weight. */
const CASES: readonly Case[] = [
  { title: 'nothing', given: {}, v1: [], v2: [] },
  {
    title: 'memory.limit',
    given: { memory: { limit: 1 << 20 } },
    v1: ['memory.limit_in_bytes=1048576'],
    v2: ['memory.max=1048576'],
  },
  {
    title: 'memory.limit, none',
    given: { memory: { limit: -1 } },
    v1: ['memory.limit_in_bytes=-1'],
    v2: ['memory.max=max'],
  },
  { title: 'memory.limit, unset', given: { memory: { limit: 0 } }, v1: [], v2: [] },
  {
    title: 'memory.reservation',
    given: { memory: { reservation: 4096 } },
    v1: ['memory.soft_limit_in_bytes=4096'],
    v2: ['memory.low=4096'],
  },
  {
    title: 'memory.swap, together with the memory in v1, alone in v2',
    given: { memory: { limit: 1000, swap: 3000 } },
    v1: ['memory.limit_in_bytes=1000', 'memory.memsw.limit_in_bytes=3000'],
    v2: ['memory.max=1000', 'memory.swap.max=2000'],
  },
  {
    title: 'memory.swap, none beside the memory',
    given: { memory: { limit: 1000, swap: 1000 } },
    v1: ['memory.limit_in_bytes=1000', 'memory.memsw.limit_in_bytes=1000'],
    v2: ['memory.max=1000', 'memory.swap.max=0'],
  },
  {
    title: 'memory.swap, unlimited',
    given: { memory: { limit: 1000, swap: -1 } },
    v1: ['memory.limit_in_bytes=1000', 'memory.memsw.limit_in_bytes=-1'],
    v2: ['memory.max=1000', 'memory.swap.max=max'],
  },
  {
    title: 'memory.swap below memory.limit',
    given: { memory: { limit: 1000, swap: 999 } },
    v1: /memory\.swap is 999: expected/,
    v2: /memory\.swap is 999: expected/,
  },
  {
    title: 'memory.swap without memory.limit',
    given: { memory: { swap: 1000 } },
    v1: /memory\.swap is 1000: expected/,
    v2: /memory\.swap is 1000: expected/,
  },
  {
    title: 'memory.swap, memory unlimited',
    given: { memory: { limit: -1, swap: 1000 } },
    v1: /memory\.swap is 1000: expected/,
    v2: /memory\.swap is 1000: expected/,
  },
  {
    title: 'memory.kernel',
    given: { memory: { kernel: 5 } },
    v1: ['memory.kmem.limit_in_bytes=5'],
    v2: /memory\.kernel has no counterpart in cgroup v2/,
  },
  {
    title: 'memory.kernelTCP',
    given: { memory: { kernelTCP: 5 } },
    v1: ['memory.kmem.tcp.limit_in_bytes=5'],
    v2: /memory\.kernelTCP has no counterpart in cgroup v2/,
  },
  {
    title: 'memory.swappiness',
    given: { memory: { swappiness: 0 } },
    v1: ['memory.swappiness=0'],
    v2: /memory\.swappiness has no counterpart/,
  },
  {
    title: 'memory.disableOOMKiller',
    given: { memory: { disableOOMKiller: true } },
    v1: ['memory.oom_control=1'],
    v2: /memory\.disableOOMKiller has no counterpart/,
  },
  { title: 'memory.disableOOMKiller, false', given: { memory: { disableOOMKiller: false } }, v1: [], v2: [] },
  {
    title: 'memory.useHierarchy',
    given: { memory: { useHierarchy: true } },
    v1: ['memory.use_hierarchy=1'],
    v2: /memory\.useHierarchy has no counterpart/,
  },

  { title: 'cpu.shares, the least', given: { cpu: { shares: 2 } }, v1: ['cpu.shares=2'], v2: ['cpu.weight=1'] },
  { title: 'cpu.shares, below the least', given: { cpu: { shares: 1 } }, v1: ['cpu.shares=1'], v2: ['cpu.weight=1'] },
  { title: 'cpu.shares, the usual', given: { cpu: { shares: 1024 } }, v1: ['cpu.shares=1024'], v2: ['cpu.weight=39'] },
  {
    title: 'cpu.shares, the most',
    given: { cpu: { shares: 262144 } },
    v1: ['cpu.shares=262144'],
    v2: ['cpu.weight=10000'],
  },
  {
    title: 'cpu.shares, above the most',
    given: { cpu: { shares: 1000000 } },
    v1: ['cpu.shares=1000000'],
    v2: ['cpu.weight=10000'],
  },
  { title: 'cpu.shares, unset', given: { cpu: { shares: 0 } }, v1: [], v2: [] },
  {
    title: 'cpu.quota and cpu.period',
    given: { cpu: { quota: 5000, period: 20000 } },
    v1: ['cpu.cfs_period_us=20000', 'cpu.cfs_quota_us=5000'],
    v2: ['cpu.max=5000 20000'],
  },
  { title: 'cpu.quota', given: { cpu: { quota: 5000 } }, v1: ['cpu.cfs_quota_us=5000'], v2: ['cpu.max=5000 100000'] },
  { title: 'cpu.quota, none', given: { cpu: { quota: -1 } }, v1: ['cpu.cfs_quota_us=-1'], v2: ['cpu.max=max 100000'] },
  {
    title: 'cpu.period',
    given: { cpu: { period: 20000 } },
    v1: ['cpu.cfs_period_us=20000'],
    v2: ['cpu.max=max 20000'],
  },
  {
    title: 'cpu.burst, after the quota that it must not exceed',
    given: { cpu: { quota: 5000, burst: 1000 } },
    v1: ['cpu.cfs_quota_us=5000', 'cpu.cfs_burst_us=1000'],
    v2: ['cpu.max=5000 100000', 'cpu.max.burst=1000'],
  },
  {
    title: 'cpu.realtimePeriod',
    given: { cpu: { realtimePeriod: 1000000 } },
    v1: ['cpu.rt_period_us=1000000'],
    v2: /cpu\.realtimePeriod has no counterpart in cgroup v2/,
  },
  {
    title: 'cpu.realtimeRuntime',
    given: { cpu: { realtimeRuntime: 950000 } },
    v1: ['cpu.rt_runtime_us=950000'],
    v2: /cpu\.realtimeRuntime has no counterpart in cgroup v2/,
  },
  {
    title: 'cpu.cpus and cpu.mems',
    given: { cpu: { cpus: '0-3,7', mems: '0' } },
    v1: ['cpuset.cpus=0-3,7', 'cpuset.mems=0'],
    v2: ['cpuset.cpus=0-3,7', 'cpuset.mems=0'],
  },
  { title: 'cpu.idle', given: { cpu: { idle: 1 } }, v1: ['cpu.idle=1'], v2: ['cpu.idle=1'] },

  { title: 'pids.limit', given: { pids: { limit: 7 } }, v1: ['pids.max=7'], v2: ['pids.max=7'] },
  { title: 'pids.limit, none', given: { pids: { limit: -1 } }, v1: ['pids.max=max'], v2: ['pids.max=max'] },

  {
    title: 'blockIO.weight',
    given: { blockIO: { weight: 500 } },
    v1: ['blkio.bfq.weight=500'],
    v2: ['io.bfq.weight=500'],
  },
  {
    title: 'blockIO.leafWeight',
    given: { blockIO: { leafWeight: 500 } },
    v1: ['blkio.leaf_weight=500'],
    v2: /blockIO\.leafWeight has no counterpart/,
  },
  {
    title: 'blockIO.weightDevice',
    given: { blockIO: { weightDevice: [{ ...device, weight: 10 }] } },
    v1: ['blkio.bfq.weight_device=8:16 10'],
    v2: ['io.bfq.weight=8:16 10'],
  },
  {
    title: 'blockIO.weightDevice, leaf',
    given: { blockIO: { weightDevice: [{ ...device, leafWeight: 10 }] } },
    v1: ['blkio.leaf_weight_device=8:16 10'],
    v2: /blockIO\.weightDevice\[0\]\.leafWeight has no counterpart/,
  },
  {
    title: 'blockIO.throttle…',
    given: {
      blockIO: {
        throttleReadBpsDevice: [{ ...device, rate: 1 }],
        throttleWriteBpsDevice: [{ ...device, rate: 2 }],
        throttleReadIOPSDevice: [{ ...device, rate: 3 }],
        throttleWriteIOPSDevice: [{ ...device, rate: 0 }],
      },
    },
    v1: [
      'blkio.throttle.read_bps_device=8:16 1',
      'blkio.throttle.write_bps_device=8:16 2',
      'blkio.throttle.read_iops_device=8:16 3',
      'blkio.throttle.write_iops_device=8:16 0',
    ],
    v2: ['io.max=8:16 rbps=1', 'io.max=8:16 wbps=2', 'io.max=8:16 riops=3', 'io.max=8:16 wiops=max'],
  },

  {
    title: 'hugepageLimits',
    given: { hugepageLimits: [{ pageSize: '2MB', limit: 4194304 }] },
    v1: ['hugetlb.2MB.limit_in_bytes=4194304'],
    v2: ['hugetlb.2MB.max=4194304'],
  },
  {
    title: 'network.classID',
    given: { network: { classID: 1048577 } },
    v1: ['net_cls.classid=1048577'],
    v2: /network\.classID needs the cgroup controller "net_cls"/,
  },
  {
    title: 'network.priorities',
    given: { network: { priorities: [{ name: 'eth0', priority: 5 }] } },
    v1: ['net_prio.ifpriomap=eth0 5'],
    v2: /network\.priorities\[0\] needs the cgroup controller "net_prio"/,
  },
  {
    title: 'rdma',
    given: { rdma: { mlx5_0: { hcaHandles: 3 } } },
    v1: ['rdma.max=mlx5_0 hca_handle=3 hca_object=max'],
    v2: ['rdma.max=mlx5_0 hca_handle=3 hca_object=max'],
  },
  {
    title: 'unified',
    given: { unified: { 'memory.high': '1048576', 'io.max': '8:0 rbps=1\n\n8:16 rbps=2\n' } },
    v1: /unified\["memory\.high"\] is no file of a cgroup v2 controller on this host/,
    v2: ['memory.high=1048576', 'io.max=8:0 rbps=1', 'io.max=8:16 rbps=2'],
  },
  {
    title: 'unified, the cgroup core',
    given: { unified: { 'cgroup.max.depth': '1' } },
    v1: /unified\["cgroup\.max\.depth"\] is no file/,
    v2: /unified\["cgroup\.max\.depth"\] is no file/,
  },
];

for (const { title, given, v1, v2 } of CASES) {
  for (const [name, hierarchies, expected] of [
    ['v1', V1, v1],
    ['hybrid', HYBRID, v1],
    ['v2', V2, v2],
  ] as const) {
    test(`${title}: ${name}`, (t) => {
      if (expected instanceof RegExp) t.throws(() => settings(given, hierarchies), { message: expected });
      else t.deepEqual(settings(given, hierarchies), expected);
    });
  }
}

test('a controller that the host does not have is refused by name', (t) => {
  const bare = [{ version: 2, controllers: ['pids'], mountPoint: '/c', base: '/c' }] as const;
  for (const [given, message] of [
    [{ memory: { limit: 1 } }, /memory\.limit needs the cgroup controller "memory", which this host does not have/],
    [{ cpu: { shares: 2 } }, /cpu\.shares needs the cgroup controller "cpu"/],
    [{ cpu: { quota: 5 } }, /cpu\.quota needs the cgroup controller "cpu"/],
    [{ cpu: { period: 5 } }, /cpu\.period needs the cgroup controller "cpu"/],
    [{ cpu: { cpus: '0' } }, /cpu\.cpus needs the cgroup controller "cpuset"/],
    [{ blockIO: { weight: 10 } }, /blockIO\.weight needs the cgroup controller "io"/],
    [{ hugepageLimits: [{ pageSize: '2MB', limit: 1 }] }, /hugepageLimits\[0\] needs the cgroup controller "hugetlb"/],
    [{ rdma: { m: {} } }, /rdma\["m"\] needs the cgroup controller "rdma"/],
    [{ unified: { 'memory.high': '1' } }, /unified\["memory\.high"\] needs the cgroup controller "memory"/],
  ] as const) {
    t.throws(() => settings(given, bare), { message });
  }
  t.deepEqual(settings({ pids: { limit: 5 } }, bare), ['pids.max=5']);
});

test('each controller is used where the host has it', (t) => {
  // As on a host that has moved some to v2: a hybrid in the full sense.
  const memory = V1.filter(({ controllers }) => controllers.includes('memory'));
  const mixed = [...memory, { version: 2, controllers: ['pids'], mountPoint: '/u', base: '/u' } as const];
  const found = translateResources(resources({ memory: { limit: 1 }, pids: { limit: 2 } }), mixed);
  t.deepEqual(
    found.map(({ version, controller, file }) => [version, controller, file]),
    [
      [1, 'memory', 'memory.limit_in_bytes'],
      [2, 'pids', 'pids.max'],
    ],
  );
});

test('every setting says which field it comes from', (t) => {
  for (const { given } of CASES) {
    for (const hierarchies of [V1, V2]) {
      let found: ReturnType<typeof translateResources> = [];
      try {
        found = translateResources(resources(given), hierarchies);
      } catch {
        continue;
      }
      for (const { field } of found) {
        const [name = ''] = field.split(/[.[]/);
        t.true(name in (given as object), field);
      }
    }
  }
});

test('cpu.weight is within its range and grows with the shares', (t) => {
  const weight = (shares: bigint) => {
    const [setting] = translateResources({ ...resources({}), cpu: { shares } }, V2);
    return BigInt(setting?.value ?? -1);
  };
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), (a, b) => {
      const [less, more] = a < b ? [a, b] : [b, a];
      t.true(weight(less) >= 1n && weight(more) <= 10000n && weight(less) <= weight(more));
    }),
  );
});

for (const [rule, text] of [
  [{ allow: false, access: 'rwm' }, 'a'],
  [{ allow: false, type: 'a', access: 'mrw' }, 'a'],
  [{ allow: true, type: 'a', access: 'r' }, 'a *:* r'],
  [{ allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }, 'c 1:3 rwm'],
  [{ allow: true, type: 'b', major: 8, access: 'm' }, 'b 8:* m'],
  [{ allow: true, type: 'c', access: 'm' }, 'c *:* m'],
  [{ allow: true, type: 'c', major: -1, minor: 0, access: 'r' }, 'c *:0 r'],
] as const) {
  test(`${JSON.stringify(rule)} is "${text}"`, (t) => {
    const [checked] = resources({ devices: [rule] }).devices;
    t.is(checked === undefined ? '' : formatDeviceRule(checked), text);
  });
}
