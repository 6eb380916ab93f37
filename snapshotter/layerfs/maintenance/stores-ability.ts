import { failedPrecondition } from '../../../common/errors.ts';
import type { FileSystemSnapshots, LayerTransfer, Store } from '../../stores/store.ts';

/** @throws StatusError FailedPrecondition where the store has none. */
export function snapshotsOf({ snapshots, kind, location }: Store): FileSystemSnapshots {
  if (snapshots !== undefined) return snapshots;
  throw failedPrecondition(
    `the ${kind} store in ${location} has no snapshots of a container's file system: that needs the zfs store ` +
      '(layerfs-snapshotter --dataset POOL/layerfs)',
  );
}

/** @throws StatusError FailedPrecondition where the store cannot. */
export function transferOf({ transfer, kind, location }: Store): LayerTransfer {
  if (transfer !== undefined) return transfer;
  throw failedPrecondition(
    `the ${kind} store in ${location} can neither send nor receive layers: that needs the zfs store on both hosts ` +
      '(layerfs-snapshotter --dataset POOL/layerfs)',
  );
}
