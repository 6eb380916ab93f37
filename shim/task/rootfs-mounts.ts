import { invalidArgument } from '../../common/errors.ts';
import type { Mount } from '../../proto/gen/containerd/types/mount.ts';
import type { Plan } from '../monitor/plan.ts';
import { MS_BIND, MS_REC, MS_REMOUNT } from '../oci/mount-flags.ts';
import { parseMountOptions, type MountOptions } from '../oci/mount-options.ts';

/** mount(2) copies at most one page of data, its closing NUL included. */
const MAX_DATA = 4095;

/**
 * Adds to the monitor's plan the mounts that containerd asks for on the rootfs, as its own `mount.All` makes them
 * (containerd, mount/mount_linux.go): any type that mount(2) knows, in order, on the same target.
 */
export function planRootfsMounts(mounts: readonly Mount[], rootfs: string, plan: Plan): void {
  mounts.forEach((mount, index) => {
    const field = `rootfs[${index}]`;
    if ([mount.type, mount.source, mount.target, ...mount.options].some((word) => word.includes('\0'))) {
      throw invalidArgument(`${field} contains a NUL character`);
    }
    if (mount.target !== '') {
      throw invalidArgument(
        `${field}.target is ${JSON.stringify(mount.target)}: mounts below the rootfs are not supported`,
      );
    }
    plan.add('field', field);
    planMount(mount, field, rootfs, plan);
  });
}

function planMount(mount: Mount, field: string, target: string, plan: Plan): void {
  const options = parseMountOptions(mount.options);
  checkOptions(options, field);
  const { flags, data } = options;
  if ((flags & MS_BIND) !== 0 || mount.type === 'bind') {
    planBind(mount.source, options, target, plan);
  } else {
    const { directory, text } = shorten(mount, data, field);
    plan.add('mount', directory, mount.source, target, mount.type, flags, text);
  }
  for (const propagation of options.propagation) plan.add('mount', '', 'none', target, 'none', propagation, '');
}

function checkOptions({ data, tmpcopyup, idmap, recursiveSet, recursiveClear }: MountOptions, field: string): void {
  const unsupported = [
    data.split(',').includes('loop') && 'loop',
    tmpcopyup && 'tmpcopyup',
    idmap,
    (recursiveSet | recursiveClear) !== 0 && 'a recursive option (rro, …)',
  ].find(Boolean);
  if (unsupported) throw invalidArgument(`${field}.options has ${unsupported}: not supported on a rootfs`);
}

/** A bind takes its options in a second call only. */
function planBind(source: string, { flags }: MountOptions, target: string, plan: Plan): void {
  const recursive = flags & MS_REC;
  const own = flags & ~(MS_BIND | MS_REC);
  plan.add('mount', '', source, target, 'none', MS_BIND | recursive, '');
  if (own !== 0) plan.add('mount', '', 'none', target, 'none', MS_BIND | MS_REMOUNT | own, '');
}

/**
 * Many layers make overlay's options longer than mount(2) takes. Their lower directories have a long path in common:
 * standing there, the monitor can name them by the rest.
 */
function shorten(mount: Mount, data: string, field: string): { directory: string; text: string } {
  if (Buffer.byteLength(data) <= MAX_DATA) return { directory: '', text: data };
  const options = data.split(',');
  const lower = options.find((option) => option.startsWith('lowerdir='))?.slice('lowerdir='.length);
  if (mount.type === 'overlay' && lower !== undefined && !lower.includes('\\')) {
    const directory = commonDirectory(lower.split(':'));
    const relative = lower.split(':').map((path) => path.slice(directory.length + 1));
    const text = options
      .map((option) => (option.startsWith('lowerdir=') ? `lowerdir=${relative.join(':')}` : option))
      .join(',');
    if (directory !== '' && Buffer.byteLength(text) <= MAX_DATA) return { directory, text };
  }
  throw invalidArgument(
    `${field}.options have ${Buffer.byteLength(data)} bytes: mount(2) takes ${MAX_DATA}; flatten the image to fewer layers`,
  );
}

function commonDirectory(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map((path) => path.split('/').slice(0, -1));
  let length = first.length;
  for (const other of others) {
    let same = 0;
    while (same < length && other[same] === first[same]) same += 1;
    length = same;
  }
  return first.slice(0, length).join('/');
}
