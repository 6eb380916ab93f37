import { readFile } from 'node:fs/promises';
import type { Containerd } from '../../../test/support/containerd.ts';
import { listProcesses, processesOf, type ProcessInfo } from '../../../test/support/processes.ts';
import { command, output, print, remark } from './terminal.ts';

/** Shows the host's side of a container: its payload, whose child it is, and that it is PID 1 in its own namespace. */
export async function showProcesses(containerd: Containerd, id: string): Promise<void> {
  const payload = await payloadPid(containerd, id);
  remark('its processes on the host, without containerd itself:');
  const ours = (await processesOf(containerd.marker)).filter(
    ({ command: line }) => !/^(\S*\/)?(containerd|ctr) /.test(line),
  );
  const all = await listProcesses();
  for (const { info, depth } of asTree(ours, all))
    print(`${String(info.pid).padStart(8)} ${'  '.repeat(depth)}${info.command}`);
  command(['grep', 'NSpid', `/proc/${payload}/status`]);
  const status = await readFile(`/proc/${payload}/status`, 'utf8');
  output(status.split('\n').find((line) => line.startsWith('NSpid')) ?? '');
  remark(`PID ${payload} out here, PID 1 in there`);
}

async function payloadPid(containerd: Containerd, id: string): Promise<number> {
  const { stdout } = await containerd.ctr(['tasks', 'ls']);
  const row = stdout.split('\n').find((line) => line.startsWith(`${id} `));
  return Number(row?.split(/\s+/)[1]);
}

function asTree(chosen: readonly ProcessInfo[], all: readonly ProcessInfo[]) {
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const pids = new Set(chosen.map(({ pid }) => pid));
  const place = (pid: number): number[] => {
    const parent = parents.get(pid);
    return parent !== undefined && pids.has(parent) ? [...place(parent), pid] : [pid];
  };
  return chosen
    .map((info) => ({ info, place: place(info.pid) }))
    .sort((a, b) => comparePlaces(a.place, b.place))
    .map(({ info, place: found }) => ({ info, depth: found.length - 1 }));
}

function comparePlaces(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((pid, position) => pid !== b[position]);
  return index === -1 ? a.length - b.length : (a[index] ?? 0) - (b[index] ?? 0);
}
