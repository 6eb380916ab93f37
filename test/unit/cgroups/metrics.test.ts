import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Metrics as MetricsV1 } from '../../../proto/gen/io/containerd/cgroups/v1/metrics.ts';
import { Metrics as MetricsV2 } from '../../../proto/gen/io/containerd/cgroups/v2/metrics.ts';
import type { Cgroup } from '../../../shim/cgroups/cgroup.ts';
import { readLastMetrics, readMetrics } from '../../../shim/cgroups/metrics.ts';
import { tempDir } from '../support/temp-dir.ts';

const MAX = 2n ** 64n - 1n;

/** A cgroup with these files. */
async function cgroup(
  t: ExecutionContext,
  version: 1 | 2,
  controllers: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<Cgroup> {
  const directory = path.join(await tempDir(t), 'cgroup');
  await mkdir(directory);
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, name), text);
  return { version, controllers, directory };
}

test('v2: every field that the kernel gives', async (t) => {
  const own = await cgroup(t, 2, ['cpu', 'memory', 'pids', 'io', 'hugetlb', 'rdma'], {
    'cpu.stat':
      'usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_periods 3\nnr_throttled 2\nthrottled_usec 1\nnr_bursts 5\n',
    'cpu.pressure': 'some avg10=1.50 avg60=0.25 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
    'memory.stat': 'anon 100\nfile 200\nslab_reclaimable 7\nworkingset_refault_anon 3\nthp_collapse_alloc 9\n',
    'memory.current': '300\n',
    'memory.max': 'max\n',
    'memory.peak': '400\n',
    'memory.swap.current': '1\n',
    'memory.swap.max': '2048\n',
    'memory.events': 'low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n',
    'pids.current': '2\n',
    'pids.max': '100\n',
    'io.stat': '8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n253:1\n',
    'hugetlb.2MB.current': '2097152\n',
    'hugetlb.2MB.max': 'max\n',
    'hugetlb.2MB.events': 'max 4\n',
    'rdma.current': 'mlx4_0 hca_handle=2 hca_object=2000\n',
    'rdma.max': 'mlx4_0 hca_handle=max hca_object=max\n',
  });
  const { typeUrl, value } = await readMetrics([own], []);
  t.is(typeUrl, 'io.containerd.cgroups.v2.Metrics');
  const metrics = MetricsV2.decode(value);
  t.like(metrics.cpu, { usageUsec: 10n, userUsec: 6n, systemUsec: 4n, nrPeriods: 3n, nrThrottled: 2n, nrBursts: 5n });
  t.like(metrics.cpu?.psi?.some, { avg10: 1.5, avg60: 0.25, total: 77n });
  t.like(metrics.memory, { anon: 100n, file: 200n, slabReclaimable: 7n, workingsetRefaultAnon: 3n });
  t.like(metrics.memory, { usage: 300n, usageLimit: MAX, maxUsage: 400n, swapUsage: 1n, swapLimit: 2048n });
  t.is(metrics.memory?.psi, undefined);
  t.deepEqual(metrics.memoryEvents, { low: 1n, high: 2n, max: 3n, oom: 4n, oomKill: 5n, oomGroupKill: 6n });
  t.deepEqual(metrics.pids, { current: 2n, limit: 100n });
  t.deepEqual(metrics.io?.usage, [{ major: 8n, minor: 0n, rbytes: 1n, wbytes: 2n, rios: 3n, wios: 4n }]);
  t.deepEqual(metrics.hugetlb, [{ current: 2097152n, max: MAX, pagesize: '2MB', failcnt: 4n }]);
  t.deepEqual(metrics.rdma?.current, [{ device: 'mlx4_0', hcaHandles: 2, hcaObjects: 2000 }]);
  t.deepEqual(metrics.rdma?.limit, [{ device: 'mlx4_0', hcaHandles: 2 ** 32 - 1, hcaObjects: 2 ** 32 - 1 }]);
});

test('v2 without controllers has what belongs to none', async (t) => {
  const own = await cgroup(t, 2, [], { 'cpu.stat': 'usage_usec 10\n' });
  const metrics = MetricsV2.decode((await readMetrics([own], [])).value);
  t.is(metrics.cpu?.usageUsec, 10n);
  t.is(metrics.memory, undefined);
  t.is(metrics.pids, undefined);
});

test('v1: blkio by CFQ where it counted, else by the throttle', async (t) => {
  const throttle = { 'blkio.throttle.io_serviced': '8:0 Read 5\n8:0 Total 5\nTotal 5\n' };
  const some = await cgroup(t, 1, ['blkio'], { ...throttle, 'blkio.io_serviced_recursive': 'Total 0\n' });
  const byThrottle = MetricsV1.decode((await readMetrics([some], [])).value).blkio?.ioServicedRecursive;
  t.like(byThrottle, [
    { op: 'Read', major: 8n, minor: 0n, value: 5n },
    { op: 'Total', value: 5n },
  ]);
  const files = { ...throttle, 'blkio.io_serviced_recursive': '8:0 Write 9\n', 'blkio.sectors_recursive': '8:0 3\n' };
  const cfq = MetricsV1.decode((await readMetrics([await cgroup(t, 1, ['blkio'], files)], [])).value).blkio;
  t.like(cfq?.ioServicedRecursive, [{ op: 'Write', value: 9n }]);
  t.like(cfq?.sectorsRecursive, [{ op: '', value: 3n }]);
});

test('what a monitor kept says the same as the files did', async (t) => {
  const own = await cgroup(t, 2, ['memory'], {});
  const file = path.join(await tempDir(t), 'last-stats');
  t.is(await readLastMetrics([own], file), undefined);
  await writeFile(file, 'cgroup/cpu.stat\0usage_usec 10\n\0memory/memory.peak\x004096\n\0memory/memory.max\0max\n\0');
  const last = await readLastMetrics([own], file);
  const metrics = MetricsV2.decode(last?.value ?? Buffer.alloc(0));
  t.is(metrics.cpu?.usageUsec, 10n);
  t.like(metrics.memory, { maxUsage: 4096n, usageLimit: MAX });
});

test('a file that was cut off is no fault', async (t) => {
  const own = await cgroup(t, 2, ['memory'], {});
  const file = path.join(await tempDir(t), 'last-stats');
  await writeFile(file, 'cgroup/cpu.stat\0usage_usec 10\n\0memory/memory.pe');
  const last = await readLastMetrics([own], file);
  t.is(MetricsV2.decode(last?.value ?? Buffer.alloc(0)).cpu?.usageUsec, 10n);
});
