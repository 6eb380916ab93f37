import type { SnapshotsDefinition } from '../../proto/gen/containerd/services/snapshots/v1/snapshots.ts';
import { invalidArgument } from '../../common/errors.ts';
import type { LayerFs } from '../layerfs/layerfs.ts';
import { BY_HAND_LABEL, type LayerInfo, type Mount } from '../layerfs/layer.ts';
import { parseFilters, type Fields } from './filter.ts';
import type { Handlers } from './grpc-handlers.ts';
import { ListMessages, toInfo } from './list-messages.ts';

/** containerd's Snapshots service (api/services/snapshots/v1) on top of LayerFS. */
export function snapshotsHandlers(layerFs: LayerFs): Handlers<typeof SnapshotsDefinition> {
  const messages = new ListMessages();
  return {
    prepare: async ({ key, parent, labels }) => ({
      mounts: toWire(await layerFs.prepare({ key, parent, labels })),
    }),
    view: async ({ key, parent, labels }) => ({ mounts: toWire(await layerFs.view({ key, parent, labels })) }),
    mounts: async ({ key }) => ({ mounts: toWire(await layerFs.mounts(key)) }),
    commit: async ({ key, name, labels, parent }) => {
      if (parent !== '') refuseRebase(layerFs.stat(key), parent);
      await layerFs.commit({ key, name, labels });
      return {};
    },
    remove: async ({ key }) => {
      await layerFs.remove(key);
      return {};
    },
    stat: ({ key }) => Promise.resolve({ info: toInfo(layerFs.stat(key)) }),
    update: async ({ info, updateMask }) => {
      if (info === undefined) throw invalidArgument('info is missing: say which snapshot to update');
      const updated = await layerFs.update(info.name, info.labels, updateMask ?? []);
      return { info: toInfo(updated) };
    },
    list: async function* ({ filters }) {
      const matches = await parseFilters(filters);
      const isMeant = (layer: LayerInfo) => filters.length > 0 || layer.labels[BY_HAND_LABEL] === undefined;
      const infos = layerFs.list().filter((layer) => isMeant(layer) && matches(fieldsOf(layer)));
      yield* messages.of(infos);
    },
    usage: async ({ key }) => {
      const { bytes, inodes } = await layerFs.usage(key);
      return { size: bytes, inodes };
    },
    cleanup: async () => {
      await layerFs.cleanup();
      return {};
    },
  };
}

/** A clone cannot be put on another parent; containerd asks for it only where a plugin says that it can. */
function refuseRebase({ name, parent: actual }: LayerInfo, parent: string): void {
  if (parent === actual) return;
  throw invalidArgument(
    `parent ${JSON.stringify(parent)}: snapshot ${JSON.stringify(name)} was prepared on ${JSON.stringify(actual)}, and ` +
      'cannot be put on another; take rebase from this snapshotter’s capabilities in containerd’s configuration',
  );
}

const toWire = (mounts: readonly Mount[]) => mounts.map((mount) => ({ ...mount, options: [...mount.options] }));

/** The fields that a filter can name: containerd, core/snapshots/storage/bolt.go. */
export const fieldsOf =
  (layer: LayerInfo): Fields =>
  ([first, ...rest]) => {
    if (first === 'labels')
      return Object.hasOwn(layer.labels, rest.join('.')) ? layer.labels[rest.join('.')] : undefined;
    if (rest.length > 0) return undefined;
    if (first === 'name' || first === 'parent' || first === 'kind') return layer[first];
    return undefined;
  };
