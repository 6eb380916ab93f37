import type {
  BlockIO,
  Cpu,
  DeviceRule,
  HugepageLimit,
  InterfacePriority,
  Memory,
  Network,
  Pids,
  Rdma,
  Resources,
  ThrottleDevice,
  WeightDevice,
} from '../spec.ts';
import { bool, list, map, object, oneOf, optional, orEmpty, unlessEmpty, unlessZero, type Check } from './check.ts';
import { deviceMajor, deviceMinor, int64, integer, limit, uint16, uint32, uint64 } from './numbers.ts';
import { bitmapList, matching, text } from './strings.ts';

/** -1 is the cgroup's wildcard. */
const anyNumber =
  (check: Check<number>): Check<number | undefined> =>
  (value, at) =>
    value === undefined || value === -1 ? undefined : check(value, at);

const deviceRuleFields = object<DeviceRule>({
  allow: bool,
  type: (value, at) => oneOf(['a', 'c', 'b'])(value === undefined || value === '' ? 'a' : value, at),
  major: anyNumber(deviceMajor),
  minor: anyNumber(deviceMinor),
  access: matching(/^[rwm]+$/, 'one or more of r, w and m'),
});

/** cgroup v1 ignores the numbers beside `a`, which would widen a rule to every device. */
const deviceRule: Check<DeviceRule> = (value, at) => {
  const checked = deviceRuleFields(value, at);
  if (checked.type !== 'a' || (checked.major ?? checked.minor) === undefined) return checked;
  throw at.at('type').refusal('a', 'c or b, as there is a device number');
};

const memory = object<Memory>({
  limit: unlessZero(limit),
  reservation: unlessZero(limit),
  swap: unlessZero(limit),
  kernel: unlessZero(limit),
  kernelTCP: unlessZero(limit),
  swappiness: (value, at) => (value === NO_SWAPPINESS ? undefined : optional(integer(0, 100))(value, at)),
  disableOOMKiller: optional(bool),
  useHierarchy: optional(bool),
  checkBeforeUpdate: optional(bool),
});
/** Docker's -1, "not set", after Go has made a uint64 of it. */
const NO_SWAPPINESS = 2n ** 64n - 1n;

const cpu = object<Cpu>({
  shares: unlessZero(uint64),
  quota: unlessZero(int64),
  burst: optional(uint64),
  period: unlessZero(uint64),
  realtimeRuntime: unlessZero(int64),
  realtimePeriod: unlessZero(uint64),
  cpus: unlessEmpty(bitmapList),
  mems: unlessEmpty(bitmapList),
  idle: optional(int64),
});

const pids = object<Pids>({ limit: optional(int64) });

const weightDevices = list(
  object<WeightDevice>({
    major: deviceMajor,
    minor: deviceMinor,
    weight: optional(uint16),
    leafWeight: optional(uint16),
  }),
);
const throttleDevices = list(object<ThrottleDevice>({ major: deviceMajor, minor: deviceMinor, rate: uint64 }));

const blockIO = object<BlockIO>({
  weight: unlessZero(uint16),
  leafWeight: unlessZero(uint16),
  weightDevice: weightDevices,
  throttleReadBpsDevice: throttleDevices,
  throttleWriteBpsDevice: throttleDevices,
  throttleReadIOPSDevice: throttleDevices,
  throttleWriteIOPSDevice: throttleDevices,
});

/** The page size becomes part of a file's name, hugetlb.2MB.max. */
const hugepageLimit = object<HugepageLimit>({
  pageSize: matching(/^[1-9][0-9]*[KMG]B$/, 'a page size such as "2MB"'),
  limit: uint64,
});

/** Written with a blank behind them into net_prio.ifpriomap and rdma.max. */
const interfaceName = matching(/^[^\s/]{1,15}$/u, 'the name of a network interface');
const rdmaDevice = matching(/^[^\s/]+$/u, 'the name of an RDMA device');

const network = object<Network>({
  classID: unlessZero(uint32),
  priorities: list(object<InterfacePriority>({ name: interfaceName, priority: uint32 })),
});

const rdma = map(object<Rdma>({ hcaHandles: optional(uint32), hcaObjects: optional(uint32) }), rdmaDevice);

/** Names of files in the container's cgroup directory (config-linux.md, Unified). */
const unified = map(
  text,
  matching(/^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_-]+)+$/, 'a file name in the form CONTROLLER.PARAMETER'),
);

/** `linux.resources` of a config.json, or the payload of an Update request. */
export const checkResources = object<Resources>({
  devices: list(deviceRule),
  memory: orEmpty(memory),
  cpu: orEmpty(cpu),
  pids: orEmpty(pids),
  blockIO: orEmpty(blockIO),
  hugepageLimits: list(hugepageLimit),
  network: orEmpty(network),
  rdma,
  unified,
});
