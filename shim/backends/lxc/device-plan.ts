import type { Plan } from '../../monitor/plan.ts';
import { MS_BIND } from '../../oci/mount-flags.ts';
import { parseMountOptions } from '../../oci/mount-options.ts';
import type { Device, Spec } from '../../oci/spec.ts';
import type { MountPlanner } from './mount-plan.ts';
import { hasNewNamespace } from './namespaces.ts';

/** config-linux.md, Default Devices. */
const DEFAULT_DEVICES: readonly Device[] = [
  { path: '/dev/null', type: 'c', major: 1, minor: 3 },
  { path: '/dev/zero', type: 'c', major: 1, minor: 5 },
  { path: '/dev/full', type: 'c', major: 1, minor: 7 },
  { path: '/dev/random', type: 'c', major: 1, minor: 8 },
  { path: '/dev/urandom', type: 'c', major: 1, minor: 9 },
  { path: '/dev/tty', type: 'c', major: 5, minor: 0 },
];
const DEFAULT_DEVICE_MODE = 0o666;

/** config-linux.md, Dev symbolic links; and /dev/ptmx, which belongs to the container's own devpts. */
const LINKS: readonly (readonly [target: string, path: string])[] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
];

/** Fills /dev, unless it is the host's own or somebody else's, bound in as it is. */
export function planDevices(spec: Spec, init: Plan, mounts: MountPlanner): void {
  if (bindsDev(spec)) return;
  init.add('field', 'linux.devices');
  for (const device of allDevices(spec)) {
    if (bindsDevices(spec)) mounts.bindFromHost(device.path, device.path, 'linux.devices');
    else planNode(device, init);
  }
  for (const [target, path] of LINKS) init.add('symlink', target, path);
}

/** The paths of devices that are the host’s, each bound by itself. */
export function boundDevices(spec: Spec): readonly string[] {
  return bindsDevices(spec) && !bindsDev(spec) ? allDevices(spec).map(({ path }) => path) : [];
}

/** A user namespace may not make device nodes: there the host's are bound. */
const bindsDevices = (spec: Spec) => hasNewNamespace(spec, 'user');

function allDevices({ linux }: Spec): readonly Device[] {
  const listed = new Set(linux.devices.map(({ path }) => path));
  return [...DEFAULT_DEVICES.filter(({ path }) => !listed.has(path)), ...linux.devices];
}

function bindsDev({ mounts }: Spec): boolean {
  return mounts.some(
    ({ destination, type, options }) =>
      destination === '/dev' && (type === 'bind' || (parseMountOptions(options).flags & MS_BIND) !== 0),
  );
}

function planNode({ path, type, major, minor, fileMode, uid, gid }: Device, init: Plan): void {
  init.add('mknod', path, type, fileMode ?? DEFAULT_DEVICE_MODE, major, minor, uid ?? 0, gid ?? 0);
}
