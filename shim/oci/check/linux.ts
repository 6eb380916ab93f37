import {
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  NAMESPACE_TYPES,
  ROOTFS_PROPAGATIONS,
  type Device,
  type IntelRdt,
  type Linux,
  type MemoryPolicy,
  type Namespace,
  type NetDevice,
  type Personality,
  type TimeOffset,
} from '../spec.ts';
import { expandCgroupsPath } from '../cgroups-path.ts';
import { sysctlFile } from '../sysctl.ts';
import { and, bool, list, map, object, oneOf, optional, orElse, orEmpty, unlessEmpty, type Check } from './check.ts';
import { idMappings } from './id-mappings.ts';
import { deviceMajor, deviceMinor, id, int64, integer } from './numbers.ts';
import { checkResources } from './resources.ts';
import { checkSeccomp } from './seccomp.ts';
import { absolutePath, bitmapList, containerPath, line, matching, text } from './strings.ts';

const namespace = object<Namespace>({ type: oneOf(NAMESPACE_TYPES), path: unlessEmpty(absolutePath) });

const namespaces: Check<readonly Namespace[]> = (value, at) => {
  const checked = list(namespace)(value, at);
  checked.forEach(({ type }, index) => {
    if (checked.findIndex((other) => other.type === type) === index) return;
    throw at.at(index).at('type').refusal(type, 'each type once');
  });
  return checked;
};

/** The type bits that Docker leaves in are dropped, as in runc; the type is `type`'s to say. */
const fileMode: Check<number> = (value, at) => integer(0, 0o177777)(value, at) & 0o7777;

type DeviceFields = Omit<Device, 'type' | 'major' | 'minor'> & {
  readonly type: Device['type'] | 'u';
  readonly major: unknown;
  readonly minor: unknown;
};
const deviceFields = object<DeviceFields>({
  path: containerPath,
  type: oneOf(['c', 'b', 'u', 'p']),
  major: (value) => value,
  minor: (value) => value,
  fileMode: optional(fileMode),
  uid: optional(id),
  gid: optional(id),
});

const device: Check<Device> = (value, at) => {
  const { type, major, minor, ...rest } = deviceFields(value, at);
  if (type === 'p') return { ...rest, type, major: 0, minor: 0 };
  return {
    ...rest,
    type: type === 'u' ? 'c' : type,
    major: deviceMajor(major, at.at('major')),
    minor: deviceMinor(minor, at.at('minor')),
  };
};

/** The kernel's dev_valid_name (net/core/dev.c). */
const interfaceName = matching(/^(?!\.{1,2}$)[^/:\s]{1,15}$/u, 'the name of a network interface');
const netDevices = map(object<NetDevice>({ name: unlessEmpty(interfaceName) }), interfaceName);

const timeOffset = object<TimeOffset>({
  secs: orElse(int64, 0n),
  nanosecs: orElse(integer(0, 999_999_999), 0),
});
const timeOffsets = object<Linux['timeOffsets']>({ monotonic: optional(timeOffset), boottime: optional(timeOffset) });

const cgroupsPath: Check<string> = (value, at) => {
  const written = text(value, at);
  const expanded = expandCgroupsPath(written);
  if ('expected' in expanded) throw at.refusal(value, expanded.expected);
  return written;
};

const sysctl = map(
  text,
  and(text, (key) => sysctlFile(key) !== undefined, 'the name of a sysctl'),
);

const intelRdt = object<IntelRdt>({
  closID: unlessEmpty(matching(/^(?!\.{1,2}$)(?:[^/\n]+|\/)$/, '"/" or the name of a directory in resctrl')),
  schemata: list(line),
  l3CacheSchema: unlessEmpty(line),
  memBwSchema: unlessEmpty(matching(/^MB:[^\n]*$/, 'one line that begins with "MB:"')),
  enableMonitoring: bool,
});

const memoryPolicyFields = object<MemoryPolicy>({
  mode: oneOf(MEMORY_POLICY_MODES),
  nodes: unlessEmpty(bitmapList),
  flags: list(oneOf(MEMORY_POLICY_FLAGS)),
});

/** set_mempolicy(2): which modes take a set of nodes. */
const memoryPolicy: Check<MemoryPolicy> = (value, at) => {
  const checked = memoryPolicyFields(value, at);
  const none = checked.mode === 'MPOL_DEFAULT' || checked.mode === 'MPOL_LOCAL';
  const both = checked.mode === 'MPOL_PREFERRED';
  if (both || none === (checked.nodes === undefined)) return checked;
  throw at.at('nodes').refusal(checked.nodes, `${none ? 'no nodes' : 'at least one node'} with mode ${checked.mode}`);
};

const personality = object<Personality>({ domain: oneOf(['LINUX', 'LINUX32']), flags: list(text) });

export const checkLinux = object<Linux>({
  namespaces,
  uidMappings: idMappings,
  gidMappings: idMappings,
  timeOffsets: orEmpty(timeOffsets),
  devices: list(device),
  netDevices,
  cgroupsPath: unlessEmpty(cgroupsPath),
  resources: orEmpty(checkResources),
  rootfsPropagation: unlessEmpty(oneOf(ROOTFS_PROPAGATIONS)),
  seccomp: checkSeccomp,
  sysctl,
  maskedPaths: list(containerPath),
  readonlyPaths: list(containerPath),
  mountLabel: unlessEmpty(line),
  intelRdt: optional(intelRdt),
  memoryPolicy: optional(memoryPolicy),
  personality: optional(personality),
});
