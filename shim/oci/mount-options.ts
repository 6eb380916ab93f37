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

/** What one option does to the result. */
type Effect = (result: Result) => void;
type Result = { -readonly [K in keyof MountOptions]: MountOptions[K] } & { readonly propagation: number[] };

const set =
  (flag: number): Effect =>
  (result) => {
    result.flags |= flag;
    result.clearedFlags &= ~flag;
  };

const clear =
  (flag: number): Effect =>
  (result) => {
    result.flags &= ~flag;
    result.clearedFlags |= flag;
  };

const setRecursively =
  (attribute: number): Effect =>
  (result) => {
    result.recursiveSet |= attribute;
    result.recursiveClear &= ~attribute;
  };

const clearRecursively =
  (attribute: number): Effect =>
  (result) => {
    result.recursiveSet &= ~attribute;
    result.recursiveClear |= attribute;
  };

/** Access time is one value of three. Whatever it is, the whole mask must be in attr_clr: mount_setattr(2). */
const atimeRecursively =
  (value: number): Effect =>
  (result) => {
    result.recursiveSet = (result.recursiveSet & ~MOUNT_ATTR__ATIME) | value;
    result.recursiveClear |= MOUNT_ATTR__ATIME;
  };

const propagate =
  (flags: number): Effect =>
  (result) => {
    result.propagation.push(flags);
  };

/** config.md, Linux mount options; mount(8), file system independent options. */
const EFFECTS = new Map<string, Effect>([
  ['async', clear(MS_SYNCHRONOUS)],
  ['atime', clear(MS_NOATIME)],
  ['bind', set(MS_BIND)],
  // mount(8) has it stand for rw, suid, dev, exec, async: what a mount without flags is anyway.
  ['defaults', set(0)],
  ['dev', clear(MS_NODEV)],
  ['diratime', clear(MS_NODIRATIME)],
  ['dirsync', set(MS_DIRSYNC)],
  ['exec', clear(MS_NOEXEC)],
  ['iversion', set(MS_I_VERSION)],
  ['lazytime', set(MS_LAZYTIME)],
  ['loud', clear(MS_SILENT)],
  ['mand', set(MS_MANDLOCK)],
  ['noatime', set(MS_NOATIME)],
  ['nodev', set(MS_NODEV)],
  ['nodiratime', set(MS_NODIRATIME)],
  ['noexec', set(MS_NOEXEC)],
  ['noiversion', clear(MS_I_VERSION)],
  ['nolazytime', clear(MS_LAZYTIME)],
  ['nomand', clear(MS_MANDLOCK)],
  ['norelatime', clear(MS_RELATIME)],
  ['nostrictatime', clear(MS_STRICTATIME)],
  ['nosuid', set(MS_NOSUID)],
  ['nosymfollow', set(MS_NOSYMFOLLOW)],
  ['rbind', set(MS_BIND | MS_REC)],
  ['relatime', set(MS_RELATIME)],
  ['remount', set(MS_REMOUNT)],
  ['ro', set(MS_RDONLY)],
  ['rw', clear(MS_RDONLY)],
  ['silent', set(MS_SILENT)],
  ['strictatime', set(MS_STRICTATIME)],
  ['suid', clear(MS_NOSUID)],
  ['symfollow', clear(MS_NOSYMFOLLOW)],
  ['sync', set(MS_SYNCHRONOUS)],

  ...Object.entries(PROPAGATION_FLAGS).map(([option, flags]): [string, Effect] => [option, propagate(flags)]),

  // Taking an access time away leaves the kernel's default, relatime.
  ['ratime', atimeRecursively(MOUNT_ATTR_RELATIME)],
  ['rdev', clearRecursively(MOUNT_ATTR_NODEV)],
  ['rdiratime', clearRecursively(MOUNT_ATTR_NODIRATIME)],
  ['rexec', clearRecursively(MOUNT_ATTR_NOEXEC)],
  ['rnoatime', atimeRecursively(MOUNT_ATTR_NOATIME)],
  ['rnodev', setRecursively(MOUNT_ATTR_NODEV)],
  ['rnodiratime', setRecursively(MOUNT_ATTR_NODIRATIME)],
  ['rnoexec', setRecursively(MOUNT_ATTR_NOEXEC)],
  ['rnorelatime', atimeRecursively(MOUNT_ATTR_RELATIME)],
  ['rnostrictatime', atimeRecursively(MOUNT_ATTR_RELATIME)],
  ['rnosuid', setRecursively(MOUNT_ATTR_NOSUID)],
  ['rnosymfollow', setRecursively(MOUNT_ATTR_NOSYMFOLLOW)],
  ['rrelatime', atimeRecursively(MOUNT_ATTR_RELATIME)],
  ['rro', setRecursively(MOUNT_ATTR_RDONLY)],
  ['rrw', clearRecursively(MOUNT_ATTR_RDONLY)],
  ['rstrictatime', atimeRecursively(MOUNT_ATTR_STRICTATIME)],
  ['rsuid', clearRecursively(MOUNT_ATTR_NOSUID)],
  ['rsymfollow', clearRecursively(MOUNT_ATTR_NOSYMFOLLOW)],

  ['idmap', (result) => void (result.idmap = 'idmap')],
  ['ridmap', (result) => void (result.idmap = 'ridmap')],
  ['tmpcopyup', (result) => void (result.tmpcopyup = true)],
]);

/** Every option that is not handed to the file system, sorted: what `features` lists. */
export const KNOWN_MOUNT_OPTIONS: readonly string[] = [...EFFECTS.keys()].sort();

/** Whether this option is one that the runtime handles, rather than the file system. */
export const isKnownMountOption = (option: string): boolean => EFFECTS.has(option);

/**
 * Sorts a mount's options by where they go, with runc's table (libcontainer/specconv, parseMountOptions). Of options
 * that contradict each other the last one wins. Options that the table does not know belong to the file system; none
 * is an error here.
 *
 * It differs from runc in two places. `defaults` is no option of the file system. And a recursive access time replaces
 * the one before it, where runc joins their bits to a value that the kernel refuses.
 */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const result: Result = {
    flags: 0,
    clearedFlags: 0,
    propagation: [],
    recursiveSet: 0,
    recursiveClear: 0,
    tmpcopyup: false,
    idmap: undefined,
    data: '',
  };
  const data: string[] = [];
  for (const option of options) {
    const effect = EFFECTS.get(option);
    if (effect === undefined) data.push(option);
    else effect(result);
  }
  result.data = data.join(',');
  return result;
}
