import { readlink } from 'node:fs/promises';
import { readTextIfExists } from '../../common/files.ts';
import type { NetworkStat } from '../../proto/gen/io/containerd/cgroups/v2/metrics.ts';

/**
 * The interfaces of a process's network namespace; none if that is the host's, whose traffic is not the container's.
 * `host` is a path of the host's namespace.
 */
export async function readNetwork(pid: number, host: string): Promise<NetworkStat[]> {
  const [own, hosts] = await Promise.all([nameOf(`/proc/${pid}/ns/net`), nameOf(host)]);
  if (own === undefined || hosts === undefined || own === hosts) return [];
  const text = (await readTextIfExists(`/proc/${pid}/net/dev`).catch(() => undefined)) ?? '';
  return text.split('\n').flatMap(parseLine);
}

/** `net:[INODE]`: namespaces(7). */
const nameOf = (namespace: string) => readlink(namespace).catch(() => undefined);

/** proc(5), /proc/net/dev: after the name eight numbers received, then eight sent. */
function parseLine(line: string): NetworkStat[] {
  const [name = '', rest] = line.trim().split(/:\s*/);
  const numbers = rest?.split(/\s+/) ?? [];
  if (name === 'lo' || !numbers.every((each) => /^[0-9]+$/.test(each)) || numbers.length < 12) return [];
  const at = (index: number) => BigInt(numbers[index] ?? 0);
  return [
    {
      name,
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
    },
  ];
}
