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

/** The host's hierarchies, v1 before v2. Sources: cgroups(7), proc(5) on /proc/PID/mountinfo. */
export async function readCgroupHierarchies(): Promise<readonly CgroupHierarchy[]> {
  const [mountInfo, membership] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    readFile('/proc/1/cgroup', 'utf8'),
  ]);
  const hierarchies = await Promise.all(
    parseMembership(membership).map(({ controllers, path }) => findHierarchy(mountInfo, controllers, path)),
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
      const mountPoint = fields[4];
      if (mountPoint === undefined || !type.startsWith('cgroup')) return [];
      return [{ mountPoint: unescapeOctal(mountPoint), type, options: superOptions.split(',') }];
    });
}

const unescapeOctal = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

async function findHierarchy(
  mountInfo: string,
  controllers: readonly string[],
  path: string,
): Promise<CgroupHierarchy | undefined> {
  const version = controllers.length === 0 ? 2 : 1;
  const mount = cgroupMounts(mountInfo).find(({ type, options }) =>
    version === 2 ? type === 'cgroup2' : type === 'cgroup' && controllers.every((name) => options.includes(name)),
  );
  if (mount === undefined) return undefined;
  const { mountPoint } = mount;
  const own = path.replace(/\/init\.scope$/, '').replace(/\/$/, '');
  const base = mountPoint + own;
  if (version === 1) return { version, controllers, mountPoint, base };
  const available = await readFile(`${base}/cgroup.controllers`, 'utf8');
  return { version, controllers: available.trim().split(' ').filter(Boolean), mountPoint, base };
}
