import type {
  Layer as WireLayer,
  Progress,
  Space as WireSpace,
} from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { LayerFs } from '../../layerfs/layerfs.ts';
import { shortName } from '../../layerfs/short-name.ts';
import type { Space } from '../../stores/store.ts';

export function toWireLayer({ graph, store }: LayerFs, layer: Layer): WireLayer {
  const { id, kind, name, labels, createdAt, updatedAt } = layer;
  const parent = graph.parentName(layer);
  return {
    id,
    kind,
    name,
    shortName: shortName(name),
    parent,
    shortParent: shortName(parent),
    labels: { ...labels },
    createdAt,
    updatedAt,
    place: store.place(layer),
  };
}

export const toWireSpace = ({ own, shared, logical, ratio }: Space): WireSpace => ({ own, shared, logical, ratio });

export const progress = (step: string, done = 0n, total = 0n) => ({
  message: { $case: 'progress', progress: { step, done, total } satisfies Progress } as const,
});
