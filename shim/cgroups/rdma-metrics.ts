import type { RdmaEntry, RdmaStat } from '../../proto/gen/io/containerd/cgroups/v2/metrics.ts';
import type { CgroupFiles } from './cgroup-files.ts';

/** The same files, and the same message, in both versions of cgroups. */
export async function readRdma(files: CgroupFiles): Promise<RdmaStat | undefined> {
  if (!files.has('rdma')) return undefined;
  const [current, limit] = await Promise.all([files.text('rdma', 'rdma.current'), files.text('rdma', 'rdma.max')]);
  return { current: parseRdma(current), limit: parseRdma(limit) };
}

const RDMA_LINE = /^(\S+) hca_handle=(max|[0-9]+) hca_object=(max|[0-9]+)$/;
const UNLIMITED = 2 ** 32 - 1;

function parseRdma(text: string): RdmaEntry[] {
  return text.split('\n').flatMap((line) => {
    const [, device, handles, objects] = RDMA_LINE.exec(line) ?? [];
    return device === undefined ? [] : [{ device, hcaHandles: bounded(handles), hcaObjects: bounded(objects) }];
  });
}

const bounded = (text: string | undefined) => (text === 'max' ? UNLIMITED : Math.min(Number(text), UNLIMITED));
