import path from 'node:path';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import { readLastMetrics, readMetrics } from '../cgroups/metrics.ts';
import { readNetwork } from '../cgroups/network-metrics.ts';

/** The container whose usage is asked for. */
export interface Used {
  readonly cgroups: readonly Cgroup[];
  /** The state directory, where its monitor leaves what it used at its end. */
  readonly directory: string;
  readonly ended: boolean;
  readonly pid: number;
  /** A path of the host's network namespace. */
  readonly hostNetwork: string;
}

/** What it uses, or used at its end: an encoded Metrics message. @throws StatusError NotFound if nobody knows. */
export async function readUsage({ cgroups, directory, ended, pid, hostNetwork }: Used): Promise<Any> {
  if (!ended) return readMetrics(cgroups, await readNetwork(pid, hostNetwork));
  // Before the monitor removes the cgroup, it keeps them: what is read meanwhile may be half of it.
  const last = () => readLastMetrics(cgroups, path.join(directory, 'last-stats'));
  return (
    (await last()) ??
    readMetrics(cgroups, []).then(
      async (live) => (await last()) ?? live,
      async (error: unknown) => (await last()) ?? Promise.reject(error as Error),
    )
  );
}
