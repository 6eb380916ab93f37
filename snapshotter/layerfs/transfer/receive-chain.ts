import { alreadyExists, dataLoss, invalidArgument } from '../../../common/errors.ts';
import { checkName } from '../check-name.ts';
import { acceptLabels } from '../labels.ts';
import { quote, type Reservation } from '../layer-graph.ts';
import { BY_HAND_LABEL, type Layer } from '../layer.ts';
import type { LayerFs } from '../layerfs.ts';
import { transferOf } from '../maintenance/stores-ability.ts';
import { FrameType, readFrames, type Frame } from './frames.ts';
import { decodeManifest, type ManifestLayer } from './manifest.ts';

export interface ReceiveChainOptions {
  /** What to put before the names in the stream. */
  readonly prefix: string;
  readonly signal: AbortSignal;
  readonly progress: (bytes: number) => void;
}

export interface Received {
  readonly name: string;
  /** It was there already. */
  readonly skipped: boolean;
  readonly bytes: bigint;
}

/** What is to be done with a layer of the stream. */
interface Step {
  readonly name: string;
  readonly from: ManifestLayer;
  /** The same layer, if it is there. */
  readonly here: Layer | undefined;
}

/** Takes in a stream of `sendChain`, each layer as a whole or not at all. */
export async function* receiveChain(
  layerFs: LayerFs,
  stream: AsyncIterable<Uint8Array>,
  options: ReceiveChainOptions,
): AsyncGenerator<Received> {
  transferOf(layerFs.store);
  const frames = readFrames(stream);
  const steps = await plan(layerFs, decodeManifest(await expect(frames, FrameType.manifest)), options.prefix);
  const holds: Reservation[] = [];
  try {
    let parent: Layer | undefined;
    for (const step of steps) {
      await expect(frames, FrameType.layer);
      let bytes = 0n;
      const data = layerData(frames, (count) => {
        bytes += BigInt(count);
        options.progress(count);
      });
      if (step.here === undefined) parent = await receiveLayer(layerFs, step, parent, data, options.signal);
      else {
        for (let next = await data.next(); next.done !== true; next = await data.next())
          options.signal.throwIfAborted();
        parent = step.here;
      }
      // Until all that stands on it is there too.
      holds.push(layerFs.graph.hold(parent));
      yield { name: step.name, skipped: step.here !== undefined, bytes };
    }
    await expect(frames, FrameType.end);
    await frames.next();
  } finally {
    for (const hold of holds) hold.drop();
  }
}

/** Decides for all of the stream before anything is received. @throws StatusError */
async function plan(
  { graph, store }: LayerFs,
  { store: form, layers }: { readonly store: string; readonly layers: readonly ManifestLayer[] },
  prefix: string,
): Promise<Step[]> {
  if (form !== store.kind) throw invalidArgument(`the stream is of a ${form} store, and this one is ${store.kind}`);
  const transfer = transferOf(store);
  const steps: Step[] = [];
  for (const from of layers) {
    const name = prefix + from.name;
    checkName(name, 'name');
    acceptLabels(labelsOf(from));
    const here = graph.has(name) ? graph.get(name) : undefined;
    const below = steps.at(-1);
    if (here !== undefined && ((await transfer.identity(here)) !== from.identity || here.parent !== below?.here?.id)) {
      throw alreadyExists(
        `layer ${quote(name)} is there, with other content: receive the chain under other names with --prefix TEXT`,
      );
    }
    if (steps.some((step) => step.name === name))
      throw invalidArgument(`the stream has two layers named ${quote(name)}`);
    steps.push({ name, from, here });
  }
  return steps;
}

const labelsOf = ({ labels }: ManifestLayer) => ({ ...labels, [BY_HAND_LABEL]: 'receive' });

function receiveLayer(
  layerFs: LayerFs,
  { name, from }: Step,
  parent: Layer | undefined,
  data: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Layer> {
  const { identity } = from;
  const labels = labelsOf(from);
  return layerFs.make({ kind: 'committed', name, parent, labels }, (layer) =>
    transferOf(layerFs.store).receive(layer, parent, data, { identity, signal }),
  );
}

async function expect(frames: AsyncGenerator<Frame>, type: FrameType): Promise<Buffer> {
  const next = await frames.next();
  if (next.done !== true && next.value.type === type) return next.value.payload;
  throw dataLoss('the stream’s parts are not in order: which program made it?');
}

/** The content of one layer, to its end. */
async function* layerData(
  frames: AsyncGenerator<Frame>,
  progress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for (;;) {
    const next = await frames.next();
    if (next.done === true) throw dataLoss('the stream ends within a layer');
    const { type, payload } = next.value;
    if (type === FrameType.layerEnd) return;
    if (type !== FrameType.data) throw dataLoss('the stream’s parts are not in order: which program made it?');
    progress(payload.length);
    yield payload;
  }
}
