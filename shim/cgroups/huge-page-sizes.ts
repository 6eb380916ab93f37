import { listIfExists } from '../../common/files.ts';

/** Documentation/admin-guide/mm/hugetlbpage.rst: a directory `hugepages-2048kB` for each size. */
const DIRECTORY = '/sys/kernel/mm/hugepages';

const UNITS = ['KB', 'MB', 'GB'];

/** The host's sizes, written as the kernel does in the names of cgroup files: `2MB`, `1GB`. */
export async function readHugePageSizes(): Promise<readonly string[]> {
  const names = await listIfExists(DIRECTORY);
  return names.flatMap((name) => /^hugepages-(\d+)kB$/.exec(name)?.[1] ?? []).map((size) => formatSize(Number(size)));
}

/** The kernel, mm/hugetlb_cgroup.c, mem_fmt. */
function formatSize(kilobytes: number): string {
  const unit = kilobytes >= 1024 * 1024 ? 2 : kilobytes >= 1024 ? 1 : 0;
  return `${Math.floor(kilobytes / 1024 ** unit)}${UNITS[unit] ?? ''}`;
}
