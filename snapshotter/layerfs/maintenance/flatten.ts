import { failedPrecondition } from '../../../common/errors.ts';
import type { Work } from '../../stores/store.ts';
import { described, quote } from '../layer-graph.ts';
import type { Layer } from '../layer.ts';
import type { LayerFs } from '../layerfs.ts';
import { labelsByHand } from './labels-by-hand.ts';

/** Makes one committed layer without a parent of a chain, which stays as it is. */
export async function flatten(layerFs: LayerFs, source: Layer, newName: string, work: Work): Promise<Layer> {
  const { graph, store } = layerFs;
  const { name, kind, labels } = source;
  if (kind !== 'committed') {
    throw failedPrecondition(
      `${quote(name)} is ${described(kind)}: only a committed layer, which no longer changes, can be flattened`,
    );
  }
  const hold = graph.hold(source);
  try {
    const made = { kind, name: newName, parent: undefined, labels: labelsByHand(labels, 'flatten') } as const;
    const ancestors = graph.ancestors(source);
    return await layerFs.make(made, (target) => store.flatten(source, ancestors, target, work));
  } finally {
    hold.drop();
  }
}
