import { notFound } from '../../common/errors.ts';
import { exists, readTextIfExists } from '../../common/files.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { Metrics as MetricsV1 } from '../../proto/gen/io/containerd/cgroups/v1/metrics.ts';
import { Metrics as MetricsV2, type NetworkStat } from '../../proto/gen/io/containerd/cgroups/v2/metrics.ts';
import { KeptCgroupFiles, LiveCgroupFiles, type CgroupFiles } from './cgroup-files.ts';
import type { Cgroup } from './cgroup.ts';
import { readMetricsV1 } from './metrics-v1.ts';
import { readMetricsV2 } from './metrics-v2.ts';

/** What clients switch on: the bare message names (containerd/typeurl). */
const TYPE_URLS = { 1: 'io.containerd.cgroups.v1.Metrics', 2: 'io.containerd.cgroups.v2.Metrics' };

/**
 * What a container uses, as its client expects it of a host with these cgroups.
 * @throws StatusError NotFound when its cgroup is gone.
 */
export async function readMetrics(cgroups: readonly Cgroup[], network: NetworkStat[]): Promise<Any> {
  const [first] = cgroups;
  if (first === undefined || !(await exists(first.directory))) throw notFound('cgroup does not exist');
  return encodeMetrics(first.version, liveFiles(cgroups), network);
}

/** What a container had used at its end: `file` is what its monitor kept. Undefined if it kept nothing. */
export async function readLastMetrics(cgroups: readonly Cgroup[], file: string): Promise<Any | undefined> {
  const kept = await readTextIfExists(file);
  const version = cgroups[0]?.version;
  if (kept === undefined || version === undefined) return undefined;
  return encodeMetrics(version, new KeptCgroupFiles(kept), []);
}

/** In v2 some files, such as cpu.stat and the pressures, belong to no controller. */
function liveFiles(cgroups: readonly Cgroup[]): CgroupFiles {
  return new LiveCgroupFiles(
    cgroups.map((each) => (each.version === 2 ? { ...each, controllers: ['cgroup', ...each.controllers] } : each)),
  );
}

async function encodeMetrics(version: 1 | 2, files: CgroupFiles, network: NetworkStat[]): Promise<Any> {
  const typeUrl = TYPE_URLS[version];
  const writer =
    version === 1
      ? MetricsV1.encode(await readMetricsV1(files, network))
      : MetricsV2.encode(await readMetricsV2(files, network));
  return { typeUrl, value: Buffer.from(writer.finish()) };
}
