/**
 * The rules that tie one part of a config.json to another, nearly always to linux.namespaces. They are runc's
 * (libcontainer/configs/validate) and keep the container from changing what it shares with the host.
 */
import { parseMountOptions } from '../mount-options.ts';
import type { Namespace, NamespaceType, Spec } from '../spec.ts';
import { sysctlFile, sysctlNamespace } from '../sysctl.ts';
import { show, type Place } from './place.ts';

/** A namespace of the container's own, whether new or by path. */
type Namespaces = ReadonlyMap<NamespaceType, Namespace>;

/** Throws the refusal of the first rule that is broken. */
export function checkConsistency(spec: Spec, at: Place): void {
  const namespaces: Namespaces = new Map(spec.linux.namespaces.map((namespace) => [namespace.type, namespace]));
  checkNames(spec, namespaces, at);
  checkPaths(spec, namespaces, at.at('linux'));
  checkUserNamespace(spec, namespaces, at.at('linux'));
  checkTimeNamespace(spec, namespaces, at.at('linux'));
  checkSysctl(spec, namespaces, at.at('linux').at('sysctl'));
  checkIdMappedMounts(spec, namespaces, at.at('mounts'));
  checkSwap(spec, at.at('linux').at('resources').at('memory'));
}

const own = (type: NamespaceType) => `none, or a namespace of type ${type} in linux.namespaces`;

function checkNames(spec: Spec, namespaces: Namespaces, at: Place): void {
  for (const key of ['hostname', 'domainname'] as const) {
    if (spec[key] !== undefined && !namespaces.has('uts')) throw at.at(key).refusal(spec[key], own('uts'));
  }
  const [device] = Object.keys(spec.linux.netDevices);
  if (device !== undefined && !namespaces.has('network')) {
    throw at.at('linux').at('netDevices').refusal(spec.linux.netDevices, own('network'));
  }
}

function checkPaths(spec: Spec, namespaces: Namespaces, at: Place): void {
  if (namespaces.has('mount')) return;
  for (const key of ['maskedPaths', 'readonlyPaths'] as const) {
    if (spec.linux[key].length > 0) throw at.at(key).refusal(spec.linux[key], own('mount'));
  }
}

/** Mappings beside a path are tolerated: containerd's CRI writes both, and those of the namespace by path hold. */
function checkUserNamespace({ linux }: Spec, namespaces: Namespaces, at: Place): void {
  const user = namespaces.get('user');
  for (const key of ['uidMappings', 'gidMappings'] as const) {
    const given = linux[key].length > 0;
    if (given && user === undefined) throw at.at(key).refusal(linux[key], own('user'));
    if (given && user?.path !== undefined) {
      at.at(key).warn(`the user namespace at ${show(user.path)} has its own mappings, which hold instead of these`);
    }
    if (!given && user !== undefined && user.path === undefined) {
      throw at.at(key).refusal(undefined, 'at least one mapping for the new user namespace');
    }
  }
}

function checkTimeNamespace({ linux }: Spec, namespaces: Namespaces, at: Place): void {
  if (Object.keys(linux.timeOffsets).length === 0) return;
  const time = namespaces.get('time');
  if (time === undefined) throw at.at('timeOffsets').refusal(linux.timeOffsets, own('time'));
  if (time.path !== undefined) {
    throw at
      .at('timeOffsets')
      .refusal(linux.timeOffsets, `none, as the time namespace at ${show(time.path)} has its own`);
  }
}

function checkSysctl({ linux }: Spec, namespaces: Namespaces, at: Place): void {
  for (const [key, value] of Object.entries(linux.sysctl)) {
    const path = sysctlFile(key) ?? '';
    const needed = sysctlNamespace(path);
    if (needed === undefined) throw at.at(key).refusal(value, 'none, as this sysctl belongs to the whole machine');
    if (!namespaces.has(needed)) throw at.at(key).refusal(value, own(needed));
    if (path === 'kernel/hostname') throw at.at(key).refusal(value, 'none; hostname in config.json says it');
  }
}

function checkIdMappedMounts(spec: Spec, namespaces: Namespaces, at: Place): void {
  spec.mounts.forEach((mount, index) => {
    const { idmap } = parseMountOptions(mount.options);
    if (idmap === undefined || mount.uidMappings.length > 0 || namespaces.has('user')) return;
    throw at.at(index).at('uidMappings').refusal(undefined, `mappings or a user namespace, as options has ${idmap}`);
  });
}

/** Swap counts memory too, so the kernels of both cgroup versions refuse less than the memory limit. */
function checkSwap({ linux }: Spec, at: Place): void {
  const { limit = -1n, swap } = linux.resources.memory;
  if (swap === undefined || swap < 0n) return;
  if (limit < 0n) throw at.at('swap').refusal(swap, 'none, or a memory limit beside it');
  if (swap < limit) throw at.at('swap').refusal(swap, `at least the memory limit, ${limit}, as it includes it`);
}
