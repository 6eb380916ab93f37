import { Kind, ListSnapshotsResponse, type Info } from '../../proto/gen/containerd/services/snapshots/v1/snapshots.ts';
import type { LayerInfo, LayerKind } from '../layerfs/layer.ts';

const KINDS: Readonly<Record<LayerKind, Kind>> = {
  view: Kind.VIEW,
  active: Kind.ACTIVE,
  committed: Kind.COMMITTED,
};

/** A message of List stays far below gRPC's limit of 4 MiB: a layer has 256 KiB of labels at most (layerfs/labels.ts). */
const MAX_BYTES = 1 << 20;

/**
 * The messages that List answers with. Each layer is encoded once: containerd lists all of them whenever it collects
 * garbage, which is with each container that goes, and hardly one has changed by then.
 */
export class ListMessages {
  readonly #encoded = new WeakMap<LayerInfo, Uint8Array>();

  *of(layers: readonly LayerInfo[]): Generator<Buffer> {
    let message: Uint8Array[] = [];
    let bytes = 0;
    for (const layer of layers) {
      const encoded = this.#encode(layer);
      message.push(encoded);
      bytes += encoded.length;
      if (bytes < MAX_BYTES) continue;
      yield Buffer.concat(message);
      message = [];
      bytes = 0;
    }
    if (message.length > 0) yield Buffer.concat(message);
  }

  /** As a message of its own. One after another, such messages are one with all that is in them (Protocol Buffers). */
  #encode(layer: LayerInfo): Uint8Array {
    let encoded = this.#encoded.get(layer);
    if (encoded === undefined) {
      encoded = ListSnapshotsResponse.encode({ info: [toInfo(layer)] }).finish();
      this.#encoded.set(layer, encoded);
    }
    return encoded;
  }
}

export function toInfo({ name, parent, kind, labels, createdAt, updatedAt }: LayerInfo): Info {
  return {
    name,
    parent,
    kind: KINDS[kind],
    labels: { ...labels },
    createdAt: toTimestamp(createdAt),
    updatedAt: toTimestamp(updatedAt),
  };
}

const NANOSECONDS = 1_000_000_000n;
const toTimestamp = (time: bigint) => ({ seconds: time / NANOSECONDS, nanos: Number(time % NANOSECONDS) });
