import type { LayerFsDefinition } from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import type { LayerFs } from '../../layerfs/layerfs.ts';
import { Snapshots } from '../../layerfs/maintenance/snapshots.ts';
import type { Handlers } from '../grpc-handlers.ts';
import { mountCommand } from './show-handlers.ts';
import { toWireLayer } from './to-wire.ts';

type SnapshotVerbs = Pick<
  Handlers<typeof LayerFsDefinition>,
  'listSnapshots' | 'createSnapshot' | 'deleteSnapshot' | 'rollback' | 'clone' | 'promote'
>;

/** The verbs for containers' file systems. */
export function snapshotHandlers(layerFs: LayerFs): SnapshotVerbs {
  const snapshots = new Snapshots(layerFs);
  const nameOf = (id: string) => layerFs.graph.getById(id)?.name ?? id;
  return {
    listSnapshots: async ({ name }) => ({
      snapshots: (await snapshots.list(name)).map((each) => ({ ...each, clones: each.clones.map(nameOf) })),
    }),
    createSnapshot: async ({ name, snapshot }) => {
      await snapshots.create(name, snapshot);
      return {};
    },
    deleteSnapshot: async ({ name, snapshot }) => {
      await snapshots.delete(name, snapshot);
      return {};
    },
    rollback: ({ name, snapshot, dryRun }) => snapshots.rollback(name, snapshot, dryRun),
    clone: async ({ name, newKey, snapshot }) => {
      const layer = await snapshots.clone(name, newKey, snapshot === '' ? undefined : snapshot);
      return { layer: toWireLayer(layerFs, layer), mount: await mountCommand(layerFs, layer) };
    },
    promote: async ({ name }) => ({ formerSource: await snapshots.promote(name) }),
  };
}
