import type { CgroupHierarchy } from '../../cgroups/hierarchies.ts';
import { MS_BIND, MS_REC, MS_REMOUNT } from '../../oci/mount-flags.ts';
import { parseMountOptions } from '../../oci/mount-options.ts';
import type { Mount, Spec } from '../../oci/spec.ts';
import type { MountTie } from '../backend.ts';
import { boundDevices } from './device-plan.ts';
import { directoryName } from './mount-plan.ts';
import { hasNewNamespace } from './namespaces.ts';

/** All mounts that mount-plan.ts and device-plan.ts make, and which of them come from the host. */
export function mountTies(spec: Spec, hierarchies: readonly CgroupHierarchy[], cgroup: string): readonly MountTie[] {
  const mounts = spec.mounts.flatMap((mount) => tiesOf(mount, spec, hierarchies, cgroup));
  const devices = boundDevices(spec).map((path) => ({ destination: path, source: path, recursive: false }));
  return [...mounts, ...devices];
}

function tiesOf(mount: Mount, spec: Spec, hierarchies: readonly CgroupHierarchy[], cgroup: string): MountTie[] {
  const { destination, source, type } = mount;
  const { flags } = parseMountOptions(mount.options);
  if ((flags & MS_REMOUNT) !== 0) return [];
  if ((flags & MS_BIND) !== 0 || type === 'bind') {
    return [{ destination, source, recursive: (flags & MS_REC) !== 0 }];
  }
  if (type === 'cgroup' && !hasNewNamespace(spec, 'cgroup')) return cgroupTies(destination, hierarchies, cgroup);
  return [{ destination, recursive: false }];
}

/** Without a cgroup namespace the container's part of each hierarchy is bound. */
function cgroupTies(destination: string, hierarchies: readonly CgroupHierarchy[], cgroup: string): MountTie[] {
  const [first] = hierarchies;
  if (hierarchies.length === 1 && first?.version === 2) {
    return [{ destination, source: first.base + cgroup, recursive: false }];
  }
  const parts = hierarchies.map((hierarchy) => ({
    destination: `${destination}/${directoryName(hierarchy)}`,
    source: hierarchy.base + cgroup,
    recursive: false,
  }));
  return [{ destination, recursive: false }, ...parts];
}
