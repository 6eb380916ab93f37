/** The files that tell what a container used, by controller: what a monitor keeps of a cgroup before it removes it. */
const V1: Readonly<Record<string, readonly string[]>> = {
  pids: ['pids.current', 'pids.max'],
  cpu: ['cpu.stat'],
  cpuacct: ['cpuacct.usage', 'cpuacct.stat', 'cpuacct.usage_percpu'],
  memory: [
    'memory.stat',
    'memory.oom_control',
    ...['memory', 'memory.memsw', 'memory.kmem', 'memory.kmem.tcp'].flatMap((prefix) =>
      ['limit_in_bytes', 'usage_in_bytes', 'max_usage_in_bytes', 'failcnt'].map((name) => `${prefix}.${name}`),
    ),
  ],
  blkio: ['blkio.throttle.io_serviced', 'blkio.throttle.io_service_bytes'],
  rdma: ['rdma.current', 'rdma.max'],
};

const V2: typeof V1 = {
  cgroup: ['cpu.stat', 'cpu.pressure', 'memory.pressure', 'io.pressure'],
  pids: ['pids.current', 'pids.max'],
  memory: [
    'memory.stat',
    'memory.events',
    ...['current', 'max', 'peak', 'swap.current', 'swap.max', 'swap.peak'].map((name) => `memory.${name}`),
  ],
  io: ['io.stat'],
  rdma: ['rdma.current', 'rdma.max'],
};

/** Of each size of huge pages. */
const HUGETLB_V1 = ['usage_in_bytes', 'max_usage_in_bytes', 'failcnt'];
const HUGETLB_V2: typeof HUGETLB_V1 = ['current', 'max', 'events'];

/** Pairs of controller and file, for a host with these controllers, and these sizes of huge pages (`2MB`). */
export function statFiles(
  version: 1 | 2,
  controllers: readonly string[],
  hugePageSizes: readonly string[],
): (readonly [string, string])[] {
  const files = version === 1 ? V1 : V2;
  const names = version === 1 ? HUGETLB_V1 : HUGETLB_V2;
  const hugetlb = hugePageSizes.flatMap((size) => names.map((name) => `hugetlb.${size}.${name}`));
  const there = version === 1 ? controllers : ['cgroup', ...controllers];
  return there.flatMap((controller) => {
    const kept = controller === 'hugetlb' ? hugetlb : (files[controller] ?? []);
    return kept.map((file) => [controller, file] as const);
  });
}
