import { messageOf } from '../../../common/errors.ts';
import type { Work } from '../../stores/store.ts';
import type { Layer } from '../layer.ts';
import type { LayerFs } from '../layerfs.ts';

/** The layers to read: one with all below it, from the bottom up, or all that there are. */
export function layersToVerify({ graph }: LayerFs, layer: Layer | undefined): Layer[] {
  const layers = layer === undefined ? graph.layers() : [layer, ...graph.ancestors(layer)].reverse();
  return layers.filter(({ kind }) => kind !== 'view');
}

/** @returns what is wrong with it, '' if nothing is; undefined if it was removed meanwhile. */
export async function verifyLayer({ graph, store }: LayerFs, { id }: Layer, work: Work): Promise<string | undefined> {
  const layer = graph.getById(id);
  if (layer === undefined) return undefined;
  const hold = graph.hold(layer);
  try {
    await store.verify(layer, work);
    return '';
  } catch (error) {
    if (work.signal.aborted) throw error;
    return messageOf(error);
  } finally {
    hold.drop();
  }
}
