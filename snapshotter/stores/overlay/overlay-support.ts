import { access, readFile, statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { failedPrecondition } from '../../../common/errors.ts';
import { isAtLeast } from '../id-map.ts';

/** f_type of statfs(2), of file systems that cannot hold an overlay's upper directory. */
const UNFIT: ReadonlyMap<number, string> = new Map([
  [0x794c7630, 'overlayfs'],
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9p'],
]);
const TMPFS = 0x01021994;

export interface OverlaySupport {
  /** What every overlay is mounted with. */
  readonly options: readonly string[];
  /** Why ids cannot be mapped here; undefined: they can. */
  readonly idMapRefusal: string | undefined;
}

/** What this kernel's overlayfs can do in the file system of `root`. @throws StatusError if it cannot work there. */
export async function detectSupport(root: string): Promise<OverlaySupport> {
  // Both separate what the options of a mount hold, and containerd escapes neither.
  if (/[,:\\]/.test(root))
    throw failedPrecondition(`${root}: overlayfs takes no path with a comma, colon or backslash`);
  const { type } = await statfs(root);
  const unfit = UNFIT.get(type);
  if (unfit !== undefined) {
    throw failedPrecondition(
      `${root} is on ${unfit}, which overlayfs cannot write to: choose a --root on a local disk`,
    );
  }
  const kernel = release();
  const options = [];
  if (await exists('/sys/module/overlay/parameters/index')) options.push('index=off');
  const inUserNamespace = await isInUserNamespace();
  if (isAtLeast(kernel, 5, 11) && type !== TMPFS && inUserNamespace) options.push('userxattr');
  // Else a directory that comes from an image cannot be renamed (EXDEV), as a package's upgrade may want to. Its
  // attribute is a trusted one, which nobody but root can put into a layer.
  else if (await exists('/sys/module/overlay/parameters/redirect_dir')) options.push('redirect_dir=on');
  const refusal = `overlays of id-mapped layers need Linux 5.19, and this is ${kernel}`;
  return { options, idMapRefusal: isAtLeast(kernel, 5, 19) ? undefined : refusal };
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** Such as that of an unprivileged container, where trusted.* attributes are refused. */
async function isInUserNamespace(): Promise<boolean> {
  const map = await readFile('/proc/self/uid_map', 'utf8');
  return !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}
