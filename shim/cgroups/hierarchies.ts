import { readFile } from 'node:fs/promises';

/** One mounted cgroup hierarchy of the host. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  /** v1: `memory`, `cpu` and `cpuacct`, `name=systemd`, …; v2: those in cgroup.controllers. */
  readonly controllers: readonly string[];
  /** Where it is mounted. */
  readonly mountPoint: string;
  /**
   * The directory that container cgroups are relative to: the cgroup of PID 1 without init.scope, as liblxc has it
   * (cgfsng, __initialize_cgroups).
   */
  readonly base: string;
}

/** The host's hierarchies, v1 before v2. */
export async function readCgroupHierarchies(): Promise<readonly CgroupHierarchy[]> {
  const [mountInfo, membership] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    readFile('/proc/1/cgroup', 'utf8'),
  ]);
  return findCgroupHierarchies({ mountInfo, membership, readFile: (path) => readFile(path, 'utf8') });
}

/** What a host says of its cgroups: the mounts that a process sees, and where PID 1 is. */
export interface CgroupSources {
  /** proc(5), /proc/PID/mountinfo */
  readonly mountInfo: string;
  /** cgroups(7), /proc/PID/cgroup */
  readonly membership: string;
  readonly readFile: (path: string) => Promise<string>;
}

export async function findCgroupHierarchies(sources: CgroupSources): Promise<readonly CgroupHierarchy[]> {
  const mounts = cgroupMounts(sources.mountInfo);
  const hierarchies = await Promise.all(
    parseMembership(sources.membership).map(({ controllers, path }) =>
      findHierarchy(mounts, controllers, path, sources.readFile),
    ),
  );
  return hierarchies.filter((hierarchy) => hierarchy !== undefined).sort((a, b) => a.version - b.version);
}

/** Lines of `id:controllers:path`; the unified hierarchy's controllers are empty. */
function parseMembership(text: string): { controllers: string[]; path: string }[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [, controllers = '', ...path] = line.split(':');
      return { controllers: controllers.split(',').filter(Boolean), path: path.join(':') };
    });
}

interface CgroupMount {
  /** The directory of the hierarchy that is seen at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly options: readonly string[];
}

function cgroupMounts(mountInfo: string): CgroupMount[] {
  return mountInfo
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap((fields) => {
      const separator = fields.indexOf('-');
      const [type = '', , superOptions = ''] = fields.slice(separator + 1);
      const [root, mountPoint] = fields.slice(3);
      if (root === undefined || mountPoint === undefined || !type.startsWith('cgroup')) return [];
      const options = superOptions.split(',');
      return [{ root: unescapeOctal(root), mountPoint: unescapeOctal(mountPoint), type, options }];
    });
}

export const unescapeOctal = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

async function findHierarchy(
  mounts: readonly CgroupMount[],
  controllers: readonly string[],
  path: string,
  readText: CgroupSources['readFile'],
): Promise<CgroupHierarchy | undefined> {
  const version = controllers.length === 0 ? 2 : 1;
  const mount = mounts.find(({ type, options }) =>
    version === 2 ? type === 'cgroup2' : type === 'cgroup' && controllers.every((name) => options.includes(name)),
  );
  if (mount === undefined) return undefined;
  const { mountPoint } = mount;
  const base = mountPoint + placeBelow(mount.root, path);
  if (version === 1) return { version, controllers, mountPoint, base };
  const available = await readText(`${base}/cgroup.controllers`);
  return { version, controllers: available.trim().split(' ').filter(Boolean), mountPoint, base };
}

/**
 * The cgroup of PID 1 as a path below a mount: '' for the mount point itself. In a container the mount may show a part
 * of the hierarchy only, and PID 1 may be outside of what is shown (`/..`).
 */
function placeBelow(root: string, path: string): string {
  const own = path.replace(/\/init\.scope$/, '').replace(/\/$/, '');
  if (own.split('/').includes('..')) return '';
  const prefix = root.replace(/\/$/, '');
  return own === prefix || own.startsWith(`${prefix}/`) ? own.slice(prefix.length) : '';
}
