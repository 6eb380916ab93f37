import { failedPrecondition } from '../../../common/errors.ts';
import type { Layer, Mount } from '../../layerfs/layer.ts';
import type { LayerPaths } from './layer-paths.ts';

/** OVL_MAX_STACK: fs/overlayfs/params.h. */
const MAX_LAYERS = 500;
/** mount(2) takes a page, with the final NUL. */
const MAX_OPTIONS = 4095;

/** Whether a layer is mounted as an overlay; else it is a bind of a directory. */
export const isOverlay = ({ kind }: Layer, ancestors: readonly Layer[]) =>
  ancestors.length > (kind === 'active' ? 0 : 1);

/**
 * How a client mounts a layer: as containerd's overlayfs does (plugins/snapshots/overlay). An active one never has `ro`,
 * which containerd 2.4 reads as something else.
 * @throws StatusError FailedPrecondition if that is more than the kernel takes.
 */
export function planMounts(
  paths: LayerPaths,
  layer: Layer,
  ancestors: readonly Layer[],
  options: { readonly idMap: readonly string[]; readonly overlay: readonly string[] },
): Mount[] {
  const { id, kind } = layer;
  if (!isOverlay(layer, ancestors)) {
    const source = paths.content(ancestors[0]?.id ?? id);
    return [
      { type: 'bind', source, target: '', options: [...options.idMap, kind === 'active' ? 'rw' : 'ro', 'rbind'] },
    ];
  }
  checkDepth(paths, ancestors);
  const upper = kind === 'active' ? [`workdir=${paths.work(id)}`, `upperdir=${paths.content(id)}`] : [];
  const lower = `lowerdir=${ancestors.map((ancestor) => paths.content(ancestor.id)).join(':')}`;
  return [
    {
      type: 'overlay',
      source: 'overlay',
      target: '',
      options: [...options.idMap, ...upper, lower, ...options.overlay],
    },
  ];
}

function checkDepth({ snapshots }: LayerPaths, ancestors: readonly Layer[]): void {
  // As short as containerd makes them: `ID/fs:` each, besides two whole paths.
  const length = ancestors.reduce((sum, { id }) => sum + id.length + 4, 2 * snapshots.length + 100);
  if (ancestors.length <= MAX_LAYERS && length <= MAX_OPTIONS) return;
  throw failedPrecondition(
    `${ancestors.length} layers are more than overlayfs can stack: join some of the image's layers, or use the zfs store`,
  );
}
