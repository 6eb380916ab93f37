import type {
  CPUStat,
  HugeTlbStat,
  IOEntry,
  IOStat,
  MemoryEvents,
  MemoryStat,
  Metrics,
  NetworkStat,
  PSIData,
  PSIStats,
} from '../../proto/gen/io/containerd/cgroups/v2/metrics.ts';
import { parseNumber, type CgroupFiles } from './cgroup-files.ts';
import { readPids } from './pids-metrics.ts';
import { readRdma } from './rdma-metrics.ts';

/**
 * What a container uses, by the files of cgroup v2 (kernel, Documentation/admin-guide/cgroup-v2.rst), in the fields
 * that containerd has for them: cgroups, cgroup2/manager.go, Stat.
 */
export async function readMetricsV2(files: CgroupFiles, network: NetworkStat[]): Promise<Metrics> {
  const [pids, cpu, memory, rdma, io, hugetlb, memoryEvents] = await Promise.all([
    readPids(files),
    readCpu(files),
    readMemory(files),
    readRdma(files),
    readIo(files),
    readHugetlb(files),
    readMemoryEvents(files),
  ]);
  return { pids, cpu, memory, rdma, io, hugetlb, memoryEvents, network };
}

async function readCpu(files: CgroupFiles): Promise<CPUStat> {
  const [stat, psi] = await Promise.all([files.numbers('cgroup', 'cpu.stat'), readPressure(files, 'cpu')]);
  return {
    usageUsec: stat('usage_usec'),
    userUsec: stat('user_usec'),
    systemUsec: stat('system_usec'),
    nrPeriods: stat('nr_periods'),
    nrThrottled: stat('nr_throttled'),
    throttledUsec: stat('throttled_usec'),
    nrBursts: stat('nr_bursts'),
    burstUsec: stat('burst_usec'),
    psi,
  };
}

async function readMemory(files: CgroupFiles): Promise<MemoryStat | undefined> {
  if (!files.has('memory')) return undefined;
  const read = (name: string) => files.number('memory', `memory.${name}`);
  const [stat, usage, usageLimit, maxUsage, swapUsage, swapLimit, swapMaxUsage, psi] = await Promise.all([
    files.numbers('memory', 'memory.stat'),
    read('current'),
    read('max'),
    read('peak'),
    read('swap.current'),
    read('swap.max'),
    read('swap.peak'),
    readPressure(files, 'memory'),
  ]);
  return {
    anon: stat('anon'),
    file: stat('file'),
    kernelStack: stat('kernel_stack'),
    slab: stat('slab'),
    sock: stat('sock'),
    shmem: stat('shmem'),
    fileMapped: stat('file_mapped'),
    fileDirty: stat('file_dirty'),
    fileWriteback: stat('file_writeback'),
    anonThp: stat('anon_thp'),
    inactiveAnon: stat('inactive_anon'),
    activeAnon: stat('active_anon'),
    inactiveFile: stat('inactive_file'),
    activeFile: stat('active_file'),
    unevictable: stat('unevictable'),
    slabReclaimable: stat('slab_reclaimable'),
    slabUnreclaimable: stat('slab_unreclaimable'),
    pgfault: stat('pgfault'),
    pgmajfault: stat('pgmajfault'),
    workingsetRefault: stat('workingset_refault'),
    workingsetActivate: stat('workingset_activate'),
    workingsetNodereclaim: stat('workingset_nodereclaim'),
    workingsetRefaultAnon: stat('workingset_refault_anon'),
    workingsetRefaultFile: stat('workingset_refault_file'),
    workingsetActivateAnon: stat('workingset_activate_anon'),
    workingsetActivateFile: stat('workingset_activate_file'),
    pgrefill: stat('pgrefill'),
    pgscan: stat('pgscan'),
    pgsteal: stat('pgsteal'),
    pgactivate: stat('pgactivate'),
    pgdeactivate: stat('pgdeactivate'),
    pglazyfree: stat('pglazyfree'),
    pglazyfreed: stat('pglazyfreed'),
    thpFaultAlloc: stat('thp_fault_alloc'),
    thpCollapseAlloc: stat('thp_collapse_alloc'),
    usage,
    usageLimit,
    maxUsage,
    swapUsage,
    swapLimit,
    swapMaxUsage,
    psi,
  };
}

async function readMemoryEvents(files: CgroupFiles): Promise<MemoryEvents | undefined> {
  if (!files.has('memory')) return undefined;
  const events = await files.numbers('memory', 'memory.events');
  return {
    low: events('low'),
    high: events('high'),
    max: events('max'),
    oom: events('oom'),
    oomKill: events('oom_kill'),
    oomGroupKill: events('oom_group_kill'),
  };
}

async function readIo(files: CgroupFiles): Promise<IOStat> {
  const [text, psi] = await Promise.all([files.text('io', 'io.stat'), readPressure(files, 'io')]);
  return { usage: text.split('\n').flatMap(parseIoLine), psi };
}

/** `MAJOR:MINOR rbytes=1 wbytes=2 rios=3 wios=4 …`; a device without any I/O has no pairs. */
function parseIoLine(line: string): IOEntry[] {
  const [device = '', ...pairs] = line.split(' ');
  const [, major, minor] = /^([0-9]+):([0-9]+)$/.exec(device) ?? [];
  if (major === undefined || minor === undefined || pairs.length === 0) return [];
  const value = (key: string) =>
    parseNumber(pairs.find((pair) => pair.startsWith(`${key}=`))?.slice(key.length + 1) ?? '');
  return [
    {
      major: BigInt(major),
      minor: BigInt(minor),
      rbytes: value('rbytes'),
      wbytes: value('wbytes'),
      rios: value('rios'),
      wios: value('wios'),
    },
  ];
}

const HUGETLB_CURRENT = /^hugetlb\.([0-9]+[KMG]B)\.current$/;

async function readHugetlb(files: CgroupFiles): Promise<HugeTlbStat[]> {
  const sizes = (await files.names('hugetlb')).flatMap((name) => HUGETLB_CURRENT.exec(name)?.[1] ?? []);
  return Promise.all(
    sizes.map(async (pagesize) => {
      const [current, max, events] = await Promise.all([
        files.number('hugetlb', `hugetlb.${pagesize}.current`),
        files.number('hugetlb', `hugetlb.${pagesize}.max`),
        files.numbers('hugetlb', `hugetlb.${pagesize}.events`),
      ]);
      return { current, max, pagesize, failcnt: events('max') };
    }),
  );
}

/** Documentation/accounting/psi.rst; undefined where the kernel was built or started without it. */
async function readPressure(files: CgroupFiles, of: 'cpu' | 'memory' | 'io'): Promise<PSIStats | undefined> {
  const lines = (await files.text('cgroup', `${of}.pressure`)).split('\n');
  const [some, full] = ['some', 'full'].map((kind) => parsePressure(lines.find((line) => line.startsWith(`${kind} `))));
  return some === undefined && full === undefined ? undefined : { some, full };
}

const PRESSURE_LINE = /avg10=([0-9.]+) avg60=([0-9.]+) avg300=([0-9.]+) total=([0-9]+)/;

function parsePressure(line = ''): PSIData | undefined {
  const [, avg10, avg60, avg300, total] = PRESSURE_LINE.exec(line) ?? [];
  if (total === undefined) return undefined;
  return { avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300), total: BigInt(total) };
}
