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
  MS_DIRSYNC,
  MS_I_VERSION,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
} from './mount-flags.ts';

/** The options of one OCI mount, sorted by the system call that takes them. */
export interface MountOptions {
  /** `MS_*` for mount(2). `ro` of a bind takes a second, remounting call, and does not reach submounts: see `rro`. */
  readonly flags: number;
  /** `MS_*` that an option clears explicitly, and no later one sets again: what a remount of a bind must not inherit. */
  readonly clearedFlags: number;
  /** One mount(2) call each, in order, after the mount: `MS_PRIVATE`, `MS_SLAVE|MS_REC`, … */
  readonly propagation: readonly number[];
  /** `MOUNT_ATTR_*` for mount_setattr(2) with AT_RECURSIVE, after the mount. 0 and 0: no call. */
  readonly recursiveSet: number;
  readonly recursiveClear: number;
  /** The files below the destination are copied into the fresh tmpfs. */
  readonly tmpcopyup: boolean;
  /** The mount is to be id-mapped, `ridmap`: with its submounts. */
  readonly idmap: 'idmap' | 'ridmap' | undefined;
  /** What is left, for the file system itself, comma-separated: mount(2)'s `data`. */
  readonly data: string;
}

/** Options that set `MS_*` flags: mount(8), file system independent options; config.md, Linux mount options. */
const SETS = new Map<string, number>([
  ['bind', MS_BIND],
  // mount(8) has it stand for rw, suid, dev, exec, async: what a mount without flags is anyway.
  ['defaults', 0],
  ['dirsync', MS_DIRSYNC],
  ['iversion', MS_I_VERSION],
  ['lazytime', MS_LAZYTIME],
  ['mand', MS_MANDLOCK],
  ['noatime', MS_NOATIME],
  ['nodev', MS_NODEV],
  ['nodiratime', MS_NODIRATIME],
  ['noexec', MS_NOEXEC],
  ['nosuid', MS_NOSUID],
  ['nosymfollow', MS_NOSYMFOLLOW],
  ['rbind', MS_BIND | MS_REC],
  ['relatime', MS_RELATIME],
  ['remount', MS_REMOUNT],
  ['ro', MS_RDONLY],
  ['silent', MS_SILENT],
  ['strictatime', MS_STRICTATIME],
  ['sync', MS_SYNCHRONOUS],
]);

/** Options that clear `MS_*` flags. */
const CLEARS = new Map<string, number>([
  ['async', MS_SYNCHRONOUS],
  ['atime', MS_NOATIME],
  ['dev', MS_NODEV],
  ['diratime', MS_NODIRATIME],
  ['exec', MS_NOEXEC],
  ['loud', MS_SILENT],
  ['noiversion', MS_I_VERSION],
  ['nolazytime', MS_LAZYTIME],
  ['nomand', MS_MANDLOCK],
  ['norelatime', MS_RELATIME],
  ['nostrictatime', MS_STRICTATIME],
  ['rw', MS_RDONLY],
  ['suid', MS_NOSUID],
  ['symfollow', MS_NOSYMFOLLOW],
]);

/** Also the values of linux.rootfsPropagation. */
export const PROPAGATION_FLAGS = {
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE | MS_REC,
  shared: MS_SHARED,
  rshared: MS_SHARED | MS_REC,
  slave: MS_SLAVE,
  rslave: MS_SLAVE | MS_REC,
  unbindable: MS_UNBINDABLE,
  runbindable: MS_UNBINDABLE | MS_REC,
} as const;
const PROPAGATIONS = new Map<string, number>(Object.entries(PROPAGATION_FLAGS));

const RECURSIVE_SETS = new Map<string, number>([
  ['rro', MOUNT_ATTR_RDONLY],
  ['rnosuid', MOUNT_ATTR_NOSUID],
  ['rnodev', MOUNT_ATTR_NODEV],
  ['rnoexec', MOUNT_ATTR_NOEXEC],
  ['rnodiratime', MOUNT_ATTR_NODIRATIME],
  ['rnosymfollow', MOUNT_ATTR_NOSYMFOLLOW],
]);

const RECURSIVE_CLEARS = new Map<string, number>([
  ['rrw', MOUNT_ATTR_RDONLY],
  ['rsuid', MOUNT_ATTR_NOSUID],
  ['rdev', MOUNT_ATTR_NODEV],
  ['rexec', MOUNT_ATTR_NOEXEC],
  ['rdiratime', MOUNT_ATTR_NODIRATIME],
  ['rsymfollow', MOUNT_ATTR_NOSYMFOLLOW],
]);

/**
 * Access time is one value of three; taking one away leaves the kernel's default, relatime. Whatever is set, the
 * whole mask must be in attr_clr: mount_setattr(2).
 */
const RECURSIVE_ATIMES = new Map<string, number>([
  ['rrelatime', MOUNT_ATTR_RELATIME],
  ['rnoatime', MOUNT_ATTR_NOATIME],
  ['rstrictatime', MOUNT_ATTR_STRICTATIME],
  ['ratime', MOUNT_ATTR_RELATIME],
  ['rnorelatime', MOUNT_ATTR_RELATIME],
  ['rnostrictatime', MOUNT_ATTR_RELATIME],
]);

const EXTENSIONS = ['tmpcopyup', 'idmap', 'ridmap'] as const;

/** Every option that is not handed to the file system, sorted: what `features` lists. */
export const KNOWN_MOUNT_OPTIONS: readonly string[] = [
  ...[SETS, CLEARS, PROPAGATIONS, RECURSIVE_SETS, RECURSIVE_CLEARS, RECURSIVE_ATIMES].flatMap((table) => [
    ...table.keys(),
  ]),
  ...EXTENSIONS,
].sort();

const KNOWN = new Set(KNOWN_MOUNT_OPTIONS);

/**
 * Sorts a mount's options by where they go, with runc's table (libcontainer/specconv, parseMountOptions). Of options
 * that contradict each other the last one wins. Options that the table does not know belong to the file system; none
 * is an error here.
 *
 * It differs from runc in two places. `defaults` is no option of the file system. And a recursive access time replaces
 * the one before it, where runc joins their bits to a value that the kernel refuses.
 */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const result = {
    flags: 0,
    clearedFlags: 0,
    propagation: [] as number[],
    recursiveSet: 0,
    recursiveClear: 0,
    tmpcopyup: false,
    idmap: undefined as MountOptions['idmap'],
  };
  const data: string[] = [];
  for (const option of options) {
    const propagation = PROPAGATIONS.get(option);
    if (propagation !== undefined) result.propagation.push(propagation);
    else if (option === 'tmpcopyup') result.tmpcopyup = true;
    else if (option === 'idmap' || option === 'ridmap') result.idmap = option;
    else if (!applyFlag(result, option) && !applyRecursive(result, option)) data.push(option);
  }
  return { ...result, data: data.join(',') };
}

function applyFlag(result: { flags: number; clearedFlags: number }, option: string): boolean {
  const set = SETS.get(option) ?? 0;
  const clear = CLEARS.get(option) ?? 0;
  result.flags = (result.flags | set) & ~clear;
  result.clearedFlags = (result.clearedFlags | clear) & ~set;
  return SETS.has(option) || CLEARS.has(option);
}

function applyRecursive(result: { recursiveSet: number; recursiveClear: number }, option: string): boolean {
  const atime = RECURSIVE_ATIMES.get(option);
  if (atime !== undefined) {
    result.recursiveSet = (result.recursiveSet & ~MOUNT_ATTR__ATIME) | atime;
    result.recursiveClear |= MOUNT_ATTR__ATIME;
    return true;
  }
  const set = RECURSIVE_SETS.get(option) ?? 0;
  const clear = RECURSIVE_CLEARS.get(option) ?? 0;
  result.recursiveSet = (result.recursiveSet | set) & ~clear;
  result.recursiveClear = (result.recursiveClear | clear) & ~set;
  return set !== 0 || clear !== 0;
}

/** Whether this option string is one that the runtime handles, rather than the file system. */
export function isMountFlagOption(option: string): boolean {
  return KNOWN.has(option);
}
