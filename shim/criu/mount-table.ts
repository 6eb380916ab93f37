import { readFile } from 'node:fs/promises';
import { unescapeOctal } from '../cgroups/hierarchies.ts';

/** A line of /proc/PID/mountinfo: proc(5). */
export interface MountEntry {
  readonly id: number;
  readonly parent: number;
  /** Seen from the process's root. */
  readonly point: string;
}

export async function readMountTable(pid: number): Promise<readonly MountEntry[]> {
  return parseMountTable(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
}

export function parseMountTable(text: string): readonly MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id, parent, , , point = ''] = line.split(' ');
      return { id: Number(id), parent: Number(parent), point: unescapeOctal(point) };
    });
}
