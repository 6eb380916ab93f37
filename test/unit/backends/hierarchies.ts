import type { CgroupHierarchy } from '../../../shim/cgroups/hierarchies.ts';

const ROOT = '/sys/fs/cgroup';

function legacy(...controllers: string[]): CgroupHierarchy {
  const mountPoint = `${ROOT}/${controllers.join(',').replace('name=', '')}`;
  return { version: 1, controllers, mountPoint, base: mountPoint };
}

/** Every controller in a hierarchy of v1, as systemd mounts them. */
export const V1: readonly CgroupHierarchy[] = [
  legacy('name=systemd'),
  legacy('cpu', 'cpuacct'),
  legacy('cpuset'),
  legacy('memory'),
  legacy('devices'),
  legacy('freezer'),
  legacy('net_cls', 'net_prio'),
  legacy('pids'),
  legacy('blkio'),
  legacy('hugetlb'),
  legacy('rdma'),
];

/** v1, with a v2 beside it that has no controllers. */
export const HYBRID: readonly CgroupHierarchy[] = [
  ...V1,
  { version: 2, controllers: [], mountPoint: `${ROOT}/unified`, base: `${ROOT}/unified` },
];

export const V2: readonly CgroupHierarchy[] = [
  {
    version: 2,
    controllers: ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc'],
    mountPoint: ROOT,
    base: ROOT,
  },
];
