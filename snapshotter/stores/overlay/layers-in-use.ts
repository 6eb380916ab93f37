import { readFile, realpath } from 'node:fs/promises';
import { readLines } from '../../../common/lines.ts';

/** What may be a layer's directory, as a part of a path. */
const DIRECTORY = /\/(?:removed-)?([1-9]\d*)(?=\/|$)/g;
const LOWER = /(?:^|[/:])([1-9]\d*)\/fs(?=$|:)/g;

/**
 * The ids of layers that are mounted, below something mounted, or have something mounted in them, in this mount
 * namespace. To remove the files of such a layer hurts whoever uses it, or, in the last case, what is mounted there.
 */
export async function layersInUse(snapshots: string): Promise<ReadonlySet<string>> {
  const [text, real] = await Promise.all([readFile('/proc/self/mountinfo', 'utf8'), realpath(snapshots)]);
  return findLayersInUse(text, snapshots, real);
}

/** @param real `snapshots` without symlinks. */
export function findLayersInUse(mountInfo: string, snapshots: string, real: string): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const line of readLines(mountInfo)) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', point = ''] = before.split(' ').map(unescape);
    for (const id of [idInRoot(root, real), idInPoint(point, real)]) if (id !== undefined) ids.add(id);
    const [type, , options = ''] = after.split(' ').map(unescape);
    if (type === 'overlay') for (const id of idsInOverlay(options, snapshots)) ids.add(id);
  }
  return ids;
}

/** A bind's root is a path in its file system, which is mounted somewhere, perhaps itself from a subdirectory. */
const idInRoot = (root: string, real: string) =>
  findId(root, (directory) => directory !== '' && (real.endsWith(directory) || directory.endsWith(real)));

const idInPoint = (point: string, real: string) => findId(point, (directory) => directory === real);

function findId(path: string, isOurs: (directory: string) => boolean): string | undefined {
  for (const match of path.matchAll(DIRECTORY)) if (isOurs(path.slice(0, match.index))) return match[1];
  return undefined;
}

/** Lower directories are without a common beginning in some, so they say whose they are only together with an upper. */
function idsInOverlay(options: string, snapshots: string): string[] {
  const upper = /(?:^|,)upperdir=([^,]*)/.exec(options)?.[1] ?? '';
  const lower = /(?:^|,)lowerdir=([^,]*)/.exec(options)?.[1] ?? '';
  if (!upper.startsWith(`${snapshots}/`) && !lower.startsWith(`${snapshots}/`)) return [];
  return [...`${upper}:${lower}`.matchAll(LOWER)].flatMap(([, id]) => id ?? []);
}

/** Octal escapes of mountinfo: space, tab, newline and backslash. */
const unescape = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
