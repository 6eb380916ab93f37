import { BY_HAND_LABEL, type Labels } from '../layer.ts';

/** By which containerd finds an image's layer: there must not be two of one kind. */
const UNPACK_LABEL = 'containerd.io/snapshot.ref';

/** The labels of what people make of a layer by `verb`. */
export function labelsByHand(labels: Labels, verb: string): Labels {
  const others = Object.entries(labels).filter(([key]) => key !== UNPACK_LABEL);
  return { ...Object.fromEntries(others), [BY_HAND_LABEL]: verb };
}
