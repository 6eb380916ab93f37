import { rename } from 'node:fs/promises';
import { syncDirectory } from '../../../common/durable-file.ts';
import { hasErrorCode } from '../../../common/files.ts';
import { mapBounded } from '../../../common/map-bounded.ts';
import type { Undestroyed } from '../store.ts';
import type { LayerPaths } from './layer-paths.ts';
import { layersInUse } from './layers-in-use.ts';
import { removeTrees } from './remove-trees.ts';

const PARALLEL = 16;

/** Marks layers as removed, for good once this is done. @returns those for which that failed; what is gone is no error. */
export async function markRemoved(paths: LayerPaths, ids: readonly string[]): Promise<Map<string, unknown>> {
  const failed = new Map<string, unknown>();
  await mapBounded(ids, PARALLEL, async (id) => {
    try {
      await rename(paths.directory(id), paths.removed(id));
    } catch (error) {
      if (!hasErrorCode(error, 'ENOENT')) failed.set(id, error);
    }
  });
  // Even if nothing was there: an earlier try may have got no further than to the renaming.
  await syncDirectory(paths.snapshots);
  return failed;
}

/**
 * Frees what layers take. They are marked first: else a layer of which only a part is left after the host's fall would
 * look like a whole one.
 */
export async function destroyLayers(
  paths: LayerPaths,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Undestroyed[]> {
  const failed = await markRemoved(paths, ids);
  const marked = ids.filter((id) => !failed.has(id));
  const targets = marked.flatMap((id) => [paths.removed(id), paths.beingMade(id)].map((place) => ({ id, place })));
  const undestroyed = await destroyDirectories(paths, targets, signal);
  return [...[...failed].map(([id, error]) => ({ id, reason: String(error) })), ...undestroyed];
}

interface Target {
  readonly id: string;
  readonly place: string;
}

/** Removes directories that belong to no layer, unless somebody still has them mounted. */
export async function destroyDirectories(
  paths: LayerPaths,
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<Undestroyed[]> {
  const inUse = await layersInUse(paths.snapshots);
  const free = targets.filter(({ id }) => !inUse.has(id)).map(({ place }) => place);
  const left = await removeTrees(free, signal);
  const reasons = new Map<string, string>();
  for (const { id, place } of targets) {
    const reason = inUse.has(id) ? 'somebody still has it mounted' : left.get(place);
    if (reason !== undefined) reasons.set(id, reason);
  }
  return [...reasons].map(([id, reason]) => ({ id, reason }));
}
