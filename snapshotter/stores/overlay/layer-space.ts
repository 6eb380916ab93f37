import { access, statfs } from 'node:fs/promises';
import { mapBounded } from '../../../common/map-bounded.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { AncestorsOf, Space, TotalSpace } from '../store.ts';
import type { CommittedUsage } from './committed-usage.ts';
import { diskUsage } from './disk-usage.ts';
import { contentIn, type LayerPaths } from './layer-paths.ts';

/** Each walks through a tree. */
const PARALLEL = 2;

/** What layers take, as far as it can be found out: nothing is compressed here, and each file is whole in one layer. */
export async function layerSpace(
  paths: LayerPaths,
  usage: CommittedUsage,
  layers: readonly Layer[],
  ancestors: AncestorsOf,
): Promise<Map<string, Space>> {
  const own = new Map<string, Promise<bigint | undefined>>();
  const bytesOf = (layer: Layer) => {
    const known = own.get(layer.id) ?? ownBytes(paths, usage, layer);
    own.set(layer.id, known);
    return known;
  };
  const found = await mapBounded(layers, PARALLEL, async (layer) => {
    const bytes = await bytesOf(layer);
    if (bytes === undefined) return [];
    let shared = 0n;
    for (const below of ancestors(layer)) shared += (await bytesOf(below)) ?? 0n;
    return [[layer.id, { own: bytes, shared, logical: bytes + shared, ratio: 1 }] as const];
  });
  return new Map(found.flat());
}

async function ownBytes(paths: LayerPaths, usage: CommittedUsage, { id, kind }: Layer): Promise<bigint | undefined> {
  if (kind === 'view') return 0n;
  try {
    if (kind === 'committed' && (await exists(paths.content(id)))) return (await usage.get(id)).bytes;
    const places = [paths.directory(id), paths.removed(id), paths.beingMade(id)];
    for (const place of places) if (await exists(place)) return (await diskUsage(contentIn(place))).bytes;
  } catch {
    // It goes just now, or cannot be read: fsck tells of the latter.
  }
  return undefined;
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** What the committed and active layers take together, and what their file system has left. */
export async function totalSpace(paths: LayerPaths, own: Iterable<Space>): Promise<TotalSpace> {
  const { bavail, bsize } = await statfs(paths.root, { bigint: true });
  let sum = 0n;
  for (const space of own) sum += space.own;
  return { own: sum, shared: 0n, logical: sum, ratio: 1, available: bavail * bsize };
}
