import { readFile } from 'node:fs/promises';
import type {
  BlkIOEntry,
  BlkIOStat,
  CPUStat,
  HugetlbStat,
  MemoryEntry,
  MemoryOomControl,
  MemoryStat,
  Metrics,
} from '../../proto/gen/io/containerd/cgroups/v1/metrics.ts';
import type { NetworkStat } from '../../proto/gen/io/containerd/cgroups/v2/metrics.ts';
import type { CgroupFiles } from './cgroup-files.ts';
import { readPids } from './pids-metrics.ts';
import { readRdma } from './rdma-metrics.ts';

/**
 * What a container uses, by the files of cgroup v1 (kernel, Documentation/admin-guide/cgroup-v1). What the host has no
 * controller for is left out, as containerd does: cgroups, cgroup1/cgroup.go, Stat with IgnoreNotExist.
 */
export async function readMetricsV1(files: CgroupFiles, network: NetworkStat[]): Promise<Metrics> {
  const [hugetlb, pids, cpu, memory, blkio, rdma, memoryOomControl] = await Promise.all([
    readHugetlb(files),
    readPids(files),
    readCpu(files),
    readMemory(files),
    readBlkio(files),
    readRdma(files),
    readOomControl(files),
  ]);
  return { hugetlb, pids, cpu, memory, blkio, rdma, network, cgroupStats: undefined, memoryOomControl };
}

const HUGETLB_USAGE = /^hugetlb\.([0-9]+[KMG]B)\.usage_in_bytes$/;

async function readHugetlb(files: CgroupFiles): Promise<HugetlbStat[]> {
  const sizes = (await files.names('hugetlb')).flatMap((name) => HUGETLB_USAGE.exec(name)?.[1] ?? []);
  return Promise.all(
    sizes.map(async (pagesize) => {
      const [usage, max, failcnt] = await Promise.all(
        ['usage_in_bytes', 'max_usage_in_bytes', 'failcnt'].map((name) =>
          files.number('hugetlb', `hugetlb.${pagesize}.${name}`),
        ),
      );
      return { usage: usage ?? 0n, max: max ?? 0n, failcnt: failcnt ?? 0n, pagesize };
    }),
  );
}

/** USER_HZ: the unit of cpuacct.stat is a hundredth of a second on every architecture that Proxmox runs on. */
const NANOSECONDS_PER_TICK = 10_000_000n;

async function readCpu(files: CgroupFiles): Promise<CPUStat | undefined> {
  if (!files.has('cpu') && !files.has('cpuacct')) return undefined;
  const [total, ticks, perCpu, throttling] = await Promise.all([
    files.number('cpuacct', 'cpuacct.usage'),
    files.numbers('cpuacct', 'cpuacct.stat'),
    files.text('cpuacct', 'cpuacct.usage_percpu'),
    files.numbers('cpu', 'cpu.stat'),
  ]);
  return {
    usage: {
      total,
      kernel: ticks('system') * NANOSECONDS_PER_TICK,
      user: ticks('user') * NANOSECONDS_PER_TICK,
      perCpu: perCpu.split(/\s+/).filter(Boolean).map(BigInt),
    },
    throttling: {
      periods: throttling('nr_periods'),
      throttledPeriods: throttling('nr_throttled'),
      throttledTime: throttling('throttled_time'),
    },
  };
}

async function readMemory(files: CgroupFiles): Promise<MemoryStat | undefined> {
  if (!files.has('memory')) return undefined;
  const [stat, usage, swap, kernel, kernelTcp] = await Promise.all([
    files.numbers('memory', 'memory.stat'),
    readMemoryEntry(files, 'memory'),
    readMemoryEntry(files, 'memory.memsw'),
    readMemoryEntry(files, 'memory.kmem'),
    readMemoryEntry(files, 'memory.kmem.tcp'),
  ]);
  return {
    cache: stat('cache'),
    rss: stat('rss'),
    rssHuge: stat('rss_huge'),
    mappedFile: stat('mapped_file'),
    dirty: stat('dirty'),
    writeback: stat('writeback'),
    pgPgIn: stat('pgpgin'),
    pgPgOut: stat('pgpgout'),
    pgFault: stat('pgfault'),
    pgMajFault: stat('pgmajfault'),
    inactiveAnon: stat('inactive_anon'),
    activeAnon: stat('active_anon'),
    inactiveFile: stat('inactive_file'),
    activeFile: stat('active_file'),
    unevictable: stat('unevictable'),
    hierarchicalMemoryLimit: stat('hierarchical_memory_limit'),
    hierarchicalSwapLimit: stat('hierarchical_memsw_limit'),
    totalCache: stat('total_cache'),
    totalRss: stat('total_rss'),
    totalRssHuge: stat('total_rss_huge'),
    totalMappedFile: stat('total_mapped_file'),
    totalDirty: stat('total_dirty'),
    totalWriteback: stat('total_writeback'),
    totalPgPgIn: stat('total_pgpgin'),
    totalPgPgOut: stat('total_pgpgout'),
    totalPgFault: stat('total_pgfault'),
    totalPgMajFault: stat('total_pgmajfault'),
    totalInactiveAnon: stat('total_inactive_anon'),
    totalActiveAnon: stat('total_active_anon'),
    totalInactiveFile: stat('total_inactive_file'),
    totalActiveFile: stat('total_active_file'),
    totalUnevictable: stat('total_unevictable'),
    usage,
    swap,
    kernel,
    kernelTcp,
  };
}

async function readMemoryEntry(files: CgroupFiles, prefix: string): Promise<MemoryEntry> {
  const read = (name: string) => files.number('memory', `${prefix}.${name}`);
  const [limit, usage, max, failcnt] = await Promise.all([
    read('limit_in_bytes'),
    read('usage_in_bytes'),
    read('max_usage_in_bytes'),
    read('failcnt'),
  ]);
  return { limit, usage, max, failcnt };
}

async function readOomControl(files: CgroupFiles): Promise<MemoryOomControl | undefined> {
  if (!files.has('memory')) return undefined;
  const control = await files.numbers('memory', 'memory.oom_control');
  return { oomKillDisable: control('oom_kill_disable'), underOom: control('under_oom'), oomKill: control('oom_kill') };
}

/** By field of BlkIOStat: the files of the CFQ scheduler of kernels before 5.0. */
const CFQ_FILES: readonly (readonly [keyof BlkIOStat, string])[] = [
  ['sectorsRecursive', 'sectors_recursive'],
  ['ioServiceBytesRecursive', 'io_service_bytes_recursive'],
  ['ioServicedRecursive', 'io_serviced_recursive'],
  ['ioQueuedRecursive', 'io_queued_recursive'],
  ['ioServiceTimeRecursive', 'io_service_time_recursive'],
  ['ioWaitTimeRecursive', 'io_wait_time_recursive'],
  ['ioMergedRecursive', 'io_merged_recursive'],
  ['ioTimeRecursive', 'time_recursive'],
];

/** What every kernel counts, of whichever scheduler. */
const THROTTLE_FILES: typeof CFQ_FILES = [
  ['ioServicedRecursive', 'throttle.io_serviced'],
  ['ioServiceBytesRecursive', 'throttle.io_service_bytes'],
];

async function readBlkio(files: CgroupFiles): Promise<BlkIOStat | undefined> {
  if (!files.has('blkio')) return undefined;
  const devices = await readDeviceNames();
  const byCfq = await readBlkioFiles(files, CFQ_FILES, devices);
  const empty = CFQ_FILES.every(([field]) => byCfq[field].length === 0);
  return empty ? readBlkioFiles(files, THROTTLE_FILES, devices) : byCfq;
}

async function readBlkioFiles(
  files: CgroupFiles,
  names: typeof CFQ_FILES,
  devices: ReadonlyMap<string, string>,
): Promise<BlkIOStat> {
  const stat: BlkIOStat = {
    ioServiceBytesRecursive: [],
    ioServicedRecursive: [],
    ioQueuedRecursive: [],
    ioServiceTimeRecursive: [],
    ioWaitTimeRecursive: [],
    ioMergedRecursive: [],
    ioTimeRecursive: [],
    sectorsRecursive: [],
  };
  await Promise.all(
    names.map(async ([field, name]) => {
      stat[field] = parseBlkio(await files.text('blkio', `blkio.${name}`), devices);
    }),
  );
  return stat;
}

/** Lines of `MAJOR:MINOR OP VALUE`, or without the operation, and a last one of the total. */
const BLKIO_LINE = /^([0-9]+):([0-9]+)(?: ([A-Za-z]+))? ([0-9]+)$/;

function parseBlkio(text: string, devices: ReadonlyMap<string, string>): BlkIOEntry[] {
  return text.split('\n').flatMap((line) => {
    const [, major, minor, op = '', value] = BLKIO_LINE.exec(line) ?? [];
    if (major === undefined || minor === undefined || value === undefined) return [];
    const device = devices.get(`${major}:${minor}`) ?? '';
    return [{ op, device, major: BigInt(major), minor: BigInt(minor), value: BigInt(value) }];
  });
}

/** proc(5), /proc/partitions: major, minor, blocks, name. */
async function readDeviceNames(): Promise<ReadonlyMap<string, string>> {
  const lines = (await readFile('/proc/partitions', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
  return new Map(
    lines.flatMap(([major = '', minor = '', , name]) =>
      name === undefined ? [] : [[`${major}:${minor}`, `/dev/${name}`]],
    ),
  );
}
