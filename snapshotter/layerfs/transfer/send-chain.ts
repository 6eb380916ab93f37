import { failedPrecondition } from '../../../common/errors.ts';
import { described, quote } from '../layer-graph.ts';
import type { Layer } from '../layer.ts';
import type { LayerFs } from '../layerfs.ts';
import { transferOf } from '../maintenance/stores-ability.ts';
import { FrameType, FrameWriter, MAGIC } from './frames.ts';
import { encodeManifest } from './manifest.ts';

/** About how many bytes a chain has as a stream. */
export async function estimateChain({ graph, store }: LayerFs, layer: Layer): Promise<bigint> {
  const transfer = transferOf(store);
  let sum = 0n;
  for (const each of chainOf(graph.ancestors(layer), layer)) {
    sum += await transfer.estimate(each, each.parent === undefined ? undefined : graph.getById(each.parent));
  }
  return sum;
}

const chainOf = (ancestors: readonly Layer[], layer: Layer) => [layer, ...ancestors].reverse();

/** A committed layer and all below it as a stream (frames.ts). */
export async function* sendChain(layerFs: LayerFs, layer: Layer, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { graph, store } = layerFs;
  const transfer = transferOf(store);
  if (layer.kind !== 'committed') {
    throw failedPrecondition(`${quote(layer.name)} is ${described(layer.kind)}: only committed layers can be sent`);
  }
  const hold = graph.hold(layer);
  try {
    const chain = chainOf(graph.ancestors(layer), layer);
    const writer = new FrameWriter();
    yield MAGIC;
    const manifest = await Promise.all(
      chain.map(async (each) => ({
        name: each.name,
        labels: each.labels,
        identity: (await transfer.identity(each)) ?? lost(each),
      })),
    );
    yield writer.frame(FrameType.manifest, encodeManifest(store.kind, manifest));
    for (const [index, each] of chain.entries()) {
      yield writer.frame(FrameType.layer, Buffer.from(JSON.stringify({ index })));
      for await (const chunk of transfer.send(each, chain[index - 1], signal))
        yield writer.frame(FrameType.data, chunk);
      yield writer.frame(FrameType.layerEnd, Buffer.alloc(0));
    }
    yield writer.frame(FrameType.end, Buffer.alloc(0));
  } finally {
    hold.drop();
  }
}

function lost({ name }: Layer): never {
  throw failedPrecondition(`${quote(name)} cannot be read: see \`proxmox-lxcri layerfs fsck\``);
}
