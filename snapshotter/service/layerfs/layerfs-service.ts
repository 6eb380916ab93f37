import type { LayerFsDefinition } from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import type { LayerFs } from '../../layerfs/layerfs.ts';
import type { Handlers } from '../grpc-handlers.ts';
import { careHandlers } from './care-handlers.ts';
import { showHandlers, type Origin } from './show-handlers.ts';
import { snapshotHandlers } from './snapshot-handlers.ts';
import { transferHandlers } from './transfer-handlers.ts';
import { workHandlers } from './work-handlers.ts';

/** LayerFS for people: proto/proxmox/lxcri/layerfs/v1/layerfs.proto. */
export function layerFsHandlers(layerFs: LayerFs, origin: Origin): Handlers<typeof LayerFsDefinition> {
  return {
    ...showHandlers(layerFs, origin),
    ...careHandlers(layerFs),
    ...workHandlers(layerFs),
    ...snapshotHandlers(layerFs),
    ...transferHandlers(layerFs),
  };
}
