import { readdir, readFile, readlink } from 'node:fs/promises';

const readRollup = (pid: number) => readFile(`/proc/${pid}/smaps_rollup`, 'utf8');

/** What no other process shares, in KiB. */
export async function privateMemory(pid: number): Promise<number> {
  const rollup = await readRollup(pid);
  const sizes = [...rollup.matchAll(/^Private_(?:Clean|Dirty|Hugetlb):\s+(\d+) kB$/gm)].map(([, size]) => Number(size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The proportional set size, in KiB: a page that n processes share counts as an nth of it. */
export async function proportionalMemory(pid: number): Promise<number> {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(await readRollup(pid))?.[1]);
}

/** Of that, what is not of files: who else maps the same program changes nothing about it. */
export async function anonymousMemory(pid: number): Promise<number> {
  return Number(/^Pss_Anon:\s+(\d+) kB$/m.exec(await readRollup(pid))?.[1]);
}

export const countDescriptors = async (pid: number) => (await readdir(`/proc/${pid}/fd`)).length;

/** What each of a process's descriptors leads to; an empty text for one that was closed meanwhile. */
export async function descriptorsOf(pid: number): Promise<Map<number, string>> {
  const directory = `/proc/${pid}/fd`;
  const names = await readdir(directory);
  const targets = names.map((name) => readlink(`${directory}/${name}`).catch(() => ''));
  return new Map((await Promise.all(targets)).map((target, index) => [Number(names[index]), target]));
}
