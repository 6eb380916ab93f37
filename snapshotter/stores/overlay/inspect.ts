import { lstat, mkdir } from 'node:fs/promises';
import { hasErrorCode } from '../../../common/files.ts';
import { mapBounded } from '../../../common/map-bounded.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { Inspection, Problem } from '../store.ts';
import type { LayerPaths } from './layer-paths.ts';
import type { MergedMounts } from './merged-mounts.ts';
import { scanDirectory } from './scan-directory.ts';

const PARALLEL = 16;

/** A scan, and whether each layer has what its record stands for. */
export async function inspectDirectory(paths: LayerPaths, merged: MergedMounts): Promise<Inspection> {
  const scan = await scanDirectory(paths.snapshots);
  const problems = await mapBounded(scan.layers, PARALLEL, (layer) => examine(paths, layer));
  return { ...scan, problems: [...problems.flat(), ...(await staleMounts(merged))] };
}

async function examine(paths: LayerPaths, { id, kind, name, parent }: Layer): Promise<Problem[]> {
  const problems: Problem[] = [];
  const content = paths.content(id);
  if ((kind !== 'view' || parent === undefined) && !(await isDirectory(content))) {
    problems.push({
      kind: 'content',
      id,
      place: content,
      reason: `the content of ${name} is gone`,
      repair: 'restore the directory from a backup, or remove the images and containers that use it and pull again',
    });
  }
  const work = paths.work(id);
  if (kind === 'active' && !(await isDirectory(work))) {
    const repair = { does: 'make it again', apply: () => mkdir(work, { mode: 0o711 }) };
    problems.push({ kind: 'work', id, place: work, reason: `${name} cannot be mounted without it`, repair });
  }
  return problems;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

async function staleMounts(merged: MergedMounts): Promise<Problem[]> {
  return (await merged.left()).map(({ id, point }) => ({
    kind: 'mount',
    id,
    place: point,
    reason: 'is mounted, and nobody reads it any more: the daemon was killed',
    repair: { does: 'unmount it', apply: () => merged.release(point) },
  }));
}
