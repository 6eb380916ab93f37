import type { Orphan, Scan } from '../stores/store.ts';
import { LayerGraph } from './layer-graph.ts';
import type { Layer } from './layer.ts';

export interface Restored {
  readonly graph: LayerGraph;
  /** Layers that are no longer anybody's, children before parents. */
  readonly superseded: readonly Layer[];
  readonly orphans: readonly Orphan[];
  readonly damaged: readonly Orphan[];
  /** Layers that cannot be used, as the chain below them is broken: kept, shown by fsck, never destroyed unasked. */
  readonly broken: readonly BrokenLayer[];
}

export interface BrokenLayer {
  readonly layer: Layer;
  readonly reason: string;
}

/** When its name became its own: an active layer gets another by its commit, long after its id. */
const byName = (a: Layer, b: Layer) => (a.createdAt === b.createdAt ? byId(a, b) : a.createdAt < b.createdAt ? -1 : 1);

/** Ids are numbers in decimal, too long perhaps for a double. */
const byId = (a: Layer, b: Layer) => a.id.length - b.id.length || (a.id < b.id ? -1 : 1);

/**
 * Makes the graph anew from what a store holds.
 *
 * Of two layers of one name that which had it first was removed, and the fall of the host came before its destruction: a
 * name can be had again only after a Remove. The same goes for whatever stands on it.
 */
export function restoreGraph(scan: Scan): Restored {
  const layers = scan.layers.toSorted(byId);
  const newest = new Map(scan.layers.toSorted(byName).map((layer) => [layer.name, layer]));
  const graph = new LayerGraph();
  const gone = new Map<string, Layer>();
  const broken = new Map<string, BrokenLayer>();
  let waiting = layers;
  // Nearly always one round: a parent has the smaller id, unless it was promoted or received.
  for (let progress = true; progress;) {
    const before = waiting.length;
    waiting = waiting.filter((layer) => !settle(layer));
    progress = waiting.length < before;
  }
  for (const layer of waiting) broken.set(layer.id, { layer, reason: describeBreak(layer, waiting) });
  const { orphans, damaged } = scan;
  return { graph, superseded: [...gone.values()].reverse(), orphans, damaged, broken: [...broken.values()] };

  /** @returns false while its parent is not settled. */
  function settle(layer: Layer): boolean {
    const { parent } = layer;
    const parentIsGone = parent !== undefined && gone.has(parent);
    if (parentIsGone || newest.get(layer.name) !== layer) gone.set(layer.id, layer);
    else if (parent === undefined || graph.getById(parent)?.kind === 'committed') graph.add(layer);
    else return false;
    return true;
  }
}

function describeBreak(layer: Layer, unsettled: readonly Layer[]): string {
  const parent = unsettled.find(({ id }) => id === layer.parent);
  if (parent === undefined) return `its parent ${layer.parent ?? ''} is missing, or not committed`;
  const seen = new Set<string>();
  let at: Layer | undefined = layer;
  for (; at !== undefined && !seen.has(at.id); at = unsettled.find(({ id }) => id === at?.parent)) seen.add(at.id);
  return at === undefined ? 'the chain below it is broken' : `its chain is a cycle through ${at.id}`;
}
