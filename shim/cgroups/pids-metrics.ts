import type { PidsStat } from '../../proto/gen/io/containerd/cgroups/v2/metrics.ts';
import type { CgroupFiles } from './cgroup-files.ts';

/** The same files, and the same message, in both versions of cgroups. */
export async function readPids(files: CgroupFiles): Promise<PidsStat | undefined> {
  if (!files.has('pids')) return undefined;
  const [current, limit] = await Promise.all([files.number('pids', 'pids.current'), files.number('pids', 'pids.max')]);
  return { current, limit };
}
