import { invalidArgument } from '../../../common/errors.ts';
import type { Plan } from '../../monitor/plan.ts';
import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_BIND,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SLAVE,
  MS_STRICTATIME,
} from '../../oci/mount-flags.ts';
import { parseMountOptions, type MountOptions } from '../../oci/mount-options.ts';
import type { Mount, Spec } from '../../oci/spec.ts';
import type { CgroupHierarchy } from '../../cgroups/hierarchies.ts';
import { hasNewNamespace } from './namespaces.ts';

/** The mount that liblxc makes before the init runs, because the init is executed through it: see lxc-backend.ts. */
export const PROC_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC;

const SYSFS_FLAGS = PROC_FLAGS | MS_RDONLY;

/**
 * A user namespace may mount sysfs only where the host's can be seen (kernel, fs/namespace.c: mount_too_revealing), and
 * after the pivot nothing of the host can: there liblxc mounts it, as it does with proc.
 */
export function isSysfsOfUserNamespace(spec: Spec, mount: Mount): boolean {
  return mount.type === 'sysfs' && mount.destination === '/sys' && hasNewNamespace(spec, 'user');
}

/** Per-mount flags of mount(2) and their names in mount_setattr(2). */
const ATTRIBUTES: readonly (readonly [flag: number, attribute: number])[] = [
  [MS_RDONLY, MOUNT_ATTR_RDONLY],
  [MS_NOSUID, MOUNT_ATTR_NOSUID],
  [MS_NODEV, MOUNT_ATTR_NODEV],
  [MS_NOEXEC, MOUNT_ATTR_NOEXEC],
  [MS_NODIRATIME, MOUNT_ATTR_NODIRATIME],
  [MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW],
];
/** Access time is one value of three. */
const ATIMES: readonly (readonly [flag: number, attribute: number])[] = [
  [MS_NOATIME, MOUNT_ATTR_NOATIME],
  [MS_STRICTATIME, MOUNT_ATTR_STRICTATIME],
  [MS_RELATIME, MOUNT_ATTR_RELATIME],
];

interface Attributes {
  readonly set: number;
  readonly clear: number;
}

const joinAttributes = (flags: number): number =>
  ATTRIBUTES.reduce((joined, [flag, attribute]) => ((flags & flag) === 0 ? joined : joined | attribute), 0);

/** mount_setattr(2): to set an access time, the whole mask must be cleared first. */
function attributesOf({ flags, clearedFlags }: MountOptions): Attributes {
  const atime = ATIMES.find(([flag]) => (flags & flag) !== 0)?.[1];
  const clearsAtime = atime !== undefined || ATIMES.some(([flag]) => (clearedFlags & flag) !== 0);
  return {
    set: joinAttributes(flags) | (atime ?? 0),
    clear: joinAttributes(clearedFlags) | (clearsAtime ? MOUNT_ATTR__ATIME : 0),
  };
}

/** Where a container's mounts go: what the init does, and what the monitor opens for it on the host. */
export interface MountPlanContext {
  readonly spec: Spec;
  /** For the init (shim/native/init/mounts.c). */
  readonly init: Plan;
  /** For the monitor: the sources of bind mounts, in the order of their index. */
  readonly monitor: Plan;
  readonly hierarchies: readonly CgroupHierarchy[];
  /** The container's cgroup, relative to a hierarchy's base. */
  readonly cgroup: string;
}

/** Writes the operations for all `mounts` of the spec, in their order. */
export class MountPlanner {
  readonly #context: MountPlanContext;
  #trees = 0;

  constructor(context: MountPlanContext) {
    this.#context = context;
  }

  plan(): void {
    const { spec, init } = this.#context;
    if (!spec.mounts.some(isProc)) init.add('field', 'mounts').add('unmount', '/proc');
    for (const [index, mount] of spec.mounts.entries()) {
      init.add('field', `mounts[${index}]`);
      this.#planMount(mount, index);
    }
  }

  /** A device node or directory of the host, mounted as it is. */
  bindFromHost(source: string, destination: string, field: string): void {
    this.#attach({ source, destination, field, recursive: false, options: parseMountOptions([]) });
  }

  #planMount(mount: Mount, index: number): void {
    const options = parseMountOptions(mount.options);
    const field = `mounts[${index}]`;
    if ((options.flags & MS_REMOUNT) !== 0) this.#setAttributes(mount.destination, options);
    else if ((options.flags & MS_BIND) !== 0 || mount.type === 'bind') this.#planBind(mount, options, field);
    else if (mount.type === 'cgroup') this.#planCgroups(mount, options, field);
    else if (isProc(mount)) this.#planProc(mount, options);
    else if (isSysfsOfUserNamespace(this.#context.spec, mount)) this.#planSysfs(mount, options, field);
    else this.#mount(mount.type ?? '', mount.source ?? mount.type ?? '', mount.destination, options);
    this.#planPropagation(mount.destination, options);
  }

  #planBind(mount: Mount, options: MountOptions, field: string): void {
    const { source, destination } = mount;
    if (source === undefined) throw invalidArgument(`config.json: ${field}.source is missing: a bind mount needs one`);
    this.#attach({ source, destination, field, recursive: (options.flags & MS_REC) !== 0, options });
  }

  #attach(bind: {
    source: string;
    destination: string;
    field: string;
    recursive: boolean;
    options: MountOptions;
  }): void {
    const { init, monitor } = this.#context;
    const { source, destination, field, recursive, options } = bind;
    const { set, clear } = attributesOf(options);
    // A mount of the host comes with its peer group: unless sharing is asked for, what the container mounts on it must
    // not appear on the host. Mounts of the host still appear in the container, as with runc's default.
    const shared = options.propagation.some((flags) => (flags & MS_SHARED) !== 0);
    monitor.add('field', field).add('tree', source, recursive ? 1 : 0);
    const { recursiveSet, recursiveClear } = options;
    init.add('attach', this.#trees, destination, set, clear, recursiveSet, recursiveClear, shared ? 0 : MS_SLAVE);
    this.#trees += 1;
  }

  /** liblxc has mounted proc already; one with other options takes its place. */
  #planProc(mount: Mount, options: MountOptions): void {
    if (options.flags === PROC_FLAGS && options.data === '') {
      this.#setRecursive(mount.destination, options);
      return;
    }
    this.#context.init.add('unmount', '/proc');
    this.#mount('proc', 'proc', mount.destination, options);
  }

  #planSysfs(mount: Mount, options: MountOptions, field: string): void {
    if (options.flags !== SYSFS_FLAGS || options.data !== '') {
      throw invalidArgument(
        `config.json: ${field}.options are ${JSON.stringify(mount.options)}: in a user namespace the lxc backend mounts /sys with ro, nosuid, nodev, noexec alone`,
      );
    }
    this.#setRecursive(mount.destination, options);
  }

  #mount(type: string, source: string, destination: string, options: MountOptions): void {
    this.#context.init.add('mount', type, source, destination, options.flags, options.data);
    this.#setRecursive(destination, options);
  }

  #setRecursive(destination: string, { recursiveSet, recursiveClear }: MountOptions): void {
    if ((recursiveSet | recursiveClear) === 0) return;
    this.#context.init.add('setattr', destination, recursiveSet, recursiveClear, 0, 1);
  }

  #setAttributes(destination: string, options: MountOptions): void {
    const { set, clear } = attributesOf(options);
    this.#context.init.add('setattr', destination, set, clear, 0, 0);
    this.#setRecursive(destination, options);
  }

  #planPropagation(destination: string, options: MountOptions): void {
    for (const flags of options.propagation) this.#context.init.add('propagation', destination, flags);
  }

  /** `type: cgroup` stands for whatever the host has, as in runc: config-linux.md, Default Filesystems. */
  #planCgroups(mount: Mount, options: MountOptions, field: string): void {
    const { spec, hierarchies, cgroup } = this.#context;
    const own = hasNewNamespace(spec, 'cgroup');
    const [first] = hierarchies;
    if (hierarchies.length === 1 && first?.version === 2) {
      this.#planHierarchy(first, mount.destination, own, options, field, cgroup);
      return;
    }
    const { flags } = options;
    const tmpfs = { ...options, flags: flags & ~MS_RDONLY, data: 'mode=755' };
    this.#mount('tmpfs', 'tmpfs', mount.destination, tmpfs);
    for (const hierarchy of hierarchies) {
      const name = directoryName(hierarchy);
      this.#planHierarchy(hierarchy, `${mount.destination}/${name}`, own, options, field, cgroup);
      if (hierarchy.version === 1 && hierarchy.controllers.length > 1) {
        for (const controller of hierarchy.controllers) {
          this.#context.init.add('symlink', name, `${mount.destination}/${controller}`);
        }
      }
    }
    if ((flags & MS_RDONLY) !== 0) this.#context.init.add('setattr', mount.destination, MOUNT_ATTR_RDONLY, 0, 0, 0);
  }

  #planHierarchy(
    hierarchy: CgroupHierarchy,
    destination: string,
    own: boolean,
    options: MountOptions,
    field: string,
    cgroup: string,
  ): void {
    // Without a cgroup namespace a cgroup mount would show the host's whole tree: bind the container's part of it.
    if (!own) {
      this.#attach({ source: hierarchy.base + cgroup, destination, field, recursive: false, options });
      return;
    }
    const type = hierarchy.version === 2 ? 'cgroup2' : 'cgroup';
    const data = hierarchy.version === 2 ? '' : hierarchyData(hierarchy);
    this.#context.init.add('mount', type, 'cgroup', destination, options.flags, data);
  }
}

const isProc = ({ type, destination }: Mount) => type === 'proc' && destination === '/proc';

export const directoryName = ({ version, controllers, mountPoint }: CgroupHierarchy): string =>
  version === 2 ? 'unified' : (mountPoint.split('/').pop() ?? controllers.join(','));

/** A named hierarchy has no controller to be mounted by. */
const hierarchyData = ({ controllers }: CgroupHierarchy): string =>
  controllers.map((name) => (name.startsWith('name=') ? `none,${name}` : name)).join(',');
