import type { Orphan, Undestroyed } from '../../stores/store.ts';
import type { Layer } from '../layer.ts';
import type { LayerFs } from '../layerfs.ts';

export interface Garbage {
  readonly id: string;
  readonly name: string;
  readonly place: string;
  /** Why it is still there; '' if it is not. */
  readonly reason: string;
}

export interface Collected {
  readonly freed: readonly Garbage[];
  readonly freedBytes: bigint;
  readonly busy: readonly Garbage[];
}

/** Destroys what was removed, and what interrupted changes left, now rather than when the sweeper comes to it. */
export async function collectGarbage(layerFs: LayerFs): Promise<Collected> {
  const { store, sweeper } = layerFs;
  const removed = sweeper.waiting.map(({ layer }) => layer);
  const orphans = await findOrphans(layerFs, new Set(removed.map(({ id }) => id)));
  const layers = [...removed, ...orphans.map(asLayer)];
  const space = await store.space(layers, () => []);
  const reasons = toReasons([...(await sweeper.sweep()), ...(await store.destroyOrphans(orphans))]);
  const stillWaiting = new Set(sweeper.waiting.map(({ layer }) => layer.id));
  for (const { id } of removed)
    if (stillWaiting.has(id) && !reasons.has(id)) reasons.set(id, 'it could not be destroyed');
  const garbage = [
    ...removed.map((layer) => ({ id: layer.id, name: layer.name, place: store.place(layer) })),
    ...orphans.map(({ id, place }) => ({ id, name: '', place })),
  ].map((each) => ({ ...each, reason: reasons.get(each.id) ?? '' }));
  const freed = garbage.filter(({ reason }) => reason === '');
  const freedBytes = freed.reduce((sum, { id }) => sum + (space.get(id)?.own ?? 0n), 0n);
  return { freed, freedBytes, busy: garbage.filter(({ reason }) => reason !== '') };
}

/** What no layer, and no change under way, accounts for. */
async function findOrphans({ store, graph, underWay }: LayerFs, removed: ReadonlySet<string>): Promise<Orphan[]> {
  const before = new Set(underWay);
  const { orphans } = await store.scan();
  return orphans.filter(
    ({ id }) => !before.has(id) && !underWay.has(id) && !removed.has(id) && graph.getById(id) === undefined,
  );
}

/** As much of a layer as it takes to ask for its space. */
const asLayer = ({ id }: Orphan): Layer => ({ id, kind: 'active', name: '', labels: {}, createdAt: 0n, updatedAt: 0n });

const toReasons = (undestroyed: readonly Undestroyed[]) => new Map(undestroyed.map(({ id, reason }) => [id, reason]));
