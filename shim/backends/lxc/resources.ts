import { invalidArgument } from '../../../common/errors.ts';
import type { BlockIO, Cpu, DeviceRule, Memory, Network, Resources } from '../../oci/spec.ts';
import type { CgroupSetting } from '../backend.ts';
import type { CgroupHierarchy } from '../../cgroups/hierarchies.ts';

/**
 * What every container may do with devices, whatever the spec says, as in runc (libcontainer/specconv, AllowedDevices):
 * make device nodes, and use the harmless ones.
 */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...(
    [
      [1, 3], // null
      [1, 5], // zero
      [1, 7], // full
      [1, 8], // random
      [1, 9], // urandom
      [5, 0], // tty
      [5, 1], // console
      [5, 2], // ptmx
    ] as const
  ).map(([major, minor]) => ({ allow: true, type: 'c', major, minor, access: 'rwm' }) as const),
  { allow: true, type: 'c', major: 136, access: 'rwm' }, // pts
];

/**
 * Translates linux.resources, but for the devices, for the host's hierarchies. In a hybrid layout each controller is where the host has it.
 * Sources: kernel documentation of cgroup v1 and v2; the conversions between them are runc's and crun's.
 * @throws StatusError InvalidArgument for a limit that the host has no file for.
 */
export function translateResources(resources: Resources, hierarchies: readonly CgroupHierarchy[]): CgroupSetting[] {
  const host = new HostCgroups(hierarchies);
  return [
    ...memorySettings(resources.memory, host),
    ...cpuSettings(resources.cpu, host),
    ...pidsSettings(resources, host),
    ...blockIoSettings(resources.blockIO, host),
    ...hugepageSettings(resources, host),
    ...networkSettings(resources.network, host),
    ...rdmaSettings(resources, host),
    ...unifiedSettings(resources, host),
  ];
}

/** Which controllers the host has, and in which version of cgroups. */
class HostCgroups {
  readonly #versions = new Map<string, 1 | 2>();

  constructor(hierarchies: readonly CgroupHierarchy[]) {
    // v1 last: a controller is in one hierarchy only, except that both may list it while it moves.
    for (const { version, controllers } of [...hierarchies].reverse()) {
      for (const controller of controllers) this.#versions.set(controller, version);
    }
  }

  version(controller: string, field: string): 1 | 2 {
    const version = this.#versions.get(controller);
    if (version !== undefined) return version;
    throw invalidArgument(
      `config.json: linux.resources.${field} needs the cgroup controller "${controller}", which this host does not have: remove it, or enable the controller`,
    );
  }

  /** The setting, under its file's name in the host's version; a version without such a file refuses. */
  setting(
    field: string,
    controller: string,
    files: { readonly v1?: readonly [string, string]; readonly v2?: readonly [string, string] },
  ): CgroupSetting {
    const version = this.version(controller, field);
    const named = version === 1 ? files.v1 : files.v2;
    if (named === undefined) {
      throw invalidArgument(
        `config.json: linux.resources.${field} has no counterpart in cgroup v${version}, which this host has for "${controller}": remove it`,
      );
    }
    const [file, value] = named;
    return { field, version, controller, file, value };
  }
}

function hasV1(host: HostCgroups, controller: string): boolean {
  try {
    return host.version(controller, controller) === 1;
  } catch {
    return false;
  }
}

/** As devices.allow and devices.deny take it. */
export function formatDeviceRule({ type, major, minor, access }: DeviceRule): string {
  // The kernel has no other form for "all devices": it takes no numbers and no access then.
  if (type === 'a' && major === undefined && minor === undefined && access.split('').sort().join('') === 'mrw')
    return 'a';
  return `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`;
}

const limit = (value: bigint) => (value < 0n ? 'max' : value.toString());

function memorySettings(memory: Memory, host: HostCgroups): CgroupSetting[] {
  const settings: CgroupSetting[] = [];
  const add = (field: keyof Memory, files: Parameters<HostCgroups['setting']>[2]) => {
    settings.push(host.setting(`memory.${field}`, 'memory', files));
  };
  const { limit: max, reservation, swap, kernelTCP, swappiness } = memory;
  if (max !== undefined) add('limit', { v1: ['memory.limit_in_bytes', String(max)], v2: ['memory.max', limit(max)] });
  if (reservation !== undefined) {
    add('reservation', {
      v1: ['memory.soft_limit_in_bytes', String(reservation)],
      v2: ['memory.low', limit(reservation)],
    });
  }
  if (swap !== undefined) {
    add('swap', {
      v1: ['memory.memsw.limit_in_bytes', String(swap)],
      v2: ['memory.swap.max', swapAlone(memory, swap)],
    });
  }
  if (kernelTCP !== undefined) add('kernelTCP', { v1: ['memory.kmem.tcp.limit_in_bytes', String(kernelTCP)] });
  if (memory.kernel !== undefined) add('kernel', { v1: ['memory.kmem.limit_in_bytes', String(memory.kernel)] });
  if (swappiness !== undefined) add('swappiness', { v1: ['memory.swappiness', String(swappiness)] });
  if (memory.disableOOMKiller) add('disableOOMKiller', { v1: ['memory.oom_control', '1'] });
  if (memory.useHierarchy) add('useHierarchy', { v1: ['memory.use_hierarchy', '1'] });
  return settings;
}

/** v1 limits memory and swap together, v2 swap alone. */
function swapAlone({ limit: max }: Memory, swap: bigint): string {
  if (swap < 0n) return 'max';
  if (max === undefined || max < 0n || swap < max) {
    throw invalidArgument(
      `config.json: linux.resources.memory.swap is ${swap}: expected memory and swap together, at least linux.resources.memory.limit, which must be set`,
    );
  }
  return (swap - max).toString();
}

function cpuSettings(cpu: Cpu, host: HostCgroups): CgroupSetting[] {
  const settings: CgroupSetting[] = [];
  const add = (field: keyof Cpu, controller: string, files: Parameters<HostCgroups['setting']>[2]) => {
    settings.push(host.setting(`cpu.${field}`, controller, files));
  };
  const { shares, quota, period, burst, realtimePeriod, realtimeRuntime, cpus, mems, idle } = cpu;
  if (shares !== undefined) {
    add('shares', 'cpu', { v1: ['cpu.shares', String(shares)], v2: ['cpu.weight', weightOfShares(shares)] });
  }
  if (period !== undefined || quota !== undefined) {
    const version = host.version('cpu', period === undefined ? 'cpu.quota' : 'cpu.period');
    if (version === 2) {
      const text = `${quota === undefined ? 'max' : limit(quota)} ${period ?? 100000n}`;
      add(quota === undefined ? 'period' : 'quota', 'cpu', { v2: ['cpu.max', text] });
    } else {
      if (period !== undefined) add('period', 'cpu', { v1: ['cpu.cfs_period_us', String(period)] });
      if (quota !== undefined) add('quota', 'cpu', { v1: ['cpu.cfs_quota_us', String(quota)] });
    }
  }
  if (burst !== undefined) {
    add('burst', 'cpu', { v1: ['cpu.cfs_burst_us', String(burst)], v2: ['cpu.max.burst', String(burst)] });
  }
  if (realtimePeriod !== undefined) add('realtimePeriod', 'cpu', { v1: ['cpu.rt_period_us', String(realtimePeriod)] });
  if (realtimeRuntime !== undefined) {
    add('realtimeRuntime', 'cpu', { v1: ['cpu.rt_runtime_us', String(realtimeRuntime)] });
  }
  if (cpus !== undefined) add('cpus', 'cpuset', { v1: ['cpuset.cpus', cpus], v2: ['cpuset.cpus', cpus] });
  if (mems !== undefined) add('mems', 'cpuset', { v1: ['cpuset.mems', mems], v2: ['cpuset.mems', mems] });
  if (idle !== undefined) add('idle', 'cpu', { v1: ['cpu.idle', String(idle)], v2: ['cpu.idle', String(idle)] });
  return settings;
}

/** 2..262144 onto 1..10000, as the runtimes agreed: runc's ConvertCPUSharesToCgroupV2Value. */
function weightOfShares(shares: bigint): string {
  const bounded = shares < 2n ? 2n : shares > 262144n ? 262144n : shares;
  return (1n + ((bounded - 2n) * 9999n) / 262142n).toString();
}

function pidsSettings({ pids }: Resources, host: HostCgroups): CgroupSetting[] {
  if (pids.limit === undefined) return [];
  const value = pids.limit <= 0n ? 'max' : pids.limit.toString();
  return [host.setting('pids.limit', 'pids', { v1: ['pids.max', value], v2: ['pids.max', value] })];
}

/** blkio.weight 10..1000 onto io.bfq.weight 1..1000, the same scale. */
function blockIoSettings(io: BlockIO, host: HostCgroups): CgroupSetting[] {
  const settings: CgroupSetting[] = [];
  const controller = hasV1(host, 'blkio') ? 'blkio' : 'io';
  const add = (field: string, files: Parameters<HostCgroups['setting']>[2]) => {
    settings.push(host.setting(`blockIO.${field}`, controller, files));
  };
  if (io.weight !== undefined) {
    add('weight', { v1: ['blkio.bfq.weight', String(io.weight)], v2: ['io.bfq.weight', String(io.weight)] });
  }
  if (io.leafWeight !== undefined) add('leafWeight', { v1: ['blkio.leaf_weight', String(io.leafWeight)] });
  io.weightDevice.forEach(({ major, minor, weight, leafWeight }, index) => {
    const device = `${major}:${minor}`;
    if (weight !== undefined) {
      const value = `${device} ${weight}`;
      add(`weightDevice[${index}].weight`, { v1: ['blkio.bfq.weight_device', value], v2: ['io.bfq.weight', value] });
    }
    if (leafWeight !== undefined) {
      add(`weightDevice[${index}].leafWeight`, { v1: ['blkio.leaf_weight_device', `${device} ${leafWeight}`] });
    }
  });
  const throttles = [
    ['throttleReadBpsDevice', 'read_bps_device', 'rbps'],
    ['throttleWriteBpsDevice', 'write_bps_device', 'wbps'],
    ['throttleReadIOPSDevice', 'read_iops_device', 'riops'],
    ['throttleWriteIOPSDevice', 'write_iops_device', 'wiops'],
  ] as const;
  for (const [field, file, key] of throttles) {
    io[field].forEach(({ major, minor, rate }, index) => {
      const device = `${major}:${minor}`;
      add(`${field}[${index}]`, {
        v1: [`blkio.throttle.${file}`, `${device} ${rate}`],
        v2: ['io.max', `${device} ${key}=${rate === 0n ? 'max' : rate}`],
      });
    });
  }
  return settings;
}

function hugepageSettings({ hugepageLimits }: Resources, host: HostCgroups): CgroupSetting[] {
  return hugepageLimits.map(({ pageSize, limit: bytes }, index) =>
    host.setting(`hugepageLimits[${index}]`, 'hugetlb', {
      v1: [`hugetlb.${pageSize}.limit_in_bytes`, String(bytes)],
      v2: [`hugetlb.${pageSize}.max`, String(bytes)],
    }),
  );
}

function networkSettings({ classID, priorities }: Network, host: HostCgroups): CgroupSetting[] {
  const settings = priorities.map(({ name, priority }, index) =>
    host.setting(`network.priorities[${index}]`, 'net_prio', { v1: ['net_prio.ifpriomap', `${name} ${priority}`] }),
  );
  if (classID === undefined) return settings;
  return [host.setting('network.classID', 'net_cls', { v1: ['net_cls.classid', String(classID)] }), ...settings];
}

function rdmaSettings({ rdma }: Resources, host: HostCgroups): CgroupSetting[] {
  return Object.entries(rdma).map(([device, { hcaHandles, hcaObjects }]) => {
    const handles = hcaHandles === undefined ? 'max' : String(hcaHandles);
    const objects = hcaObjects === undefined ? 'max' : String(hcaObjects);
    const value = `${device} hca_handle=${handles} hca_object=${objects}`;
    return host.setting(`rdma[${JSON.stringify(device)}]`, 'rdma', {
      v1: ['rdma.max', value],
      v2: ['rdma.max', value],
    });
  });
}

function unifiedSettings({ unified }: Resources, host: HostCgroups): CgroupSetting[] {
  return Object.entries(unified).flatMap(([file, content]) => {
    const field = `unified[${JSON.stringify(file)}]`;
    const controller = file.split('.')[0] ?? '';
    if (controller === 'cgroup' || host.version(controller, field) !== 2) {
      throw invalidArgument(
        `config.json: linux.resources.${field} is no file of a cgroup v2 controller on this host: remove it`,
      );
    }
    const lines = content.split('\n').filter((line) => line.trim() !== '');
    return lines.map((value) => ({ field, version: 2 as const, controller, file, value }));
  });
}
