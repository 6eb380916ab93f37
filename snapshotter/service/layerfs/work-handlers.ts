import type {
  CopyResponse,
  LayerFsDefinition,
  VerifyResponse,
} from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { failedPrecondition } from '../../../common/errors.ts';
import { findLayer } from '../../layerfs/find-layer.ts';
import { quote } from '../../layerfs/layer-graph.ts';
import { BY_HAND_LABEL, type Layer } from '../../layerfs/layer.ts';
import type { LayerFs } from '../../layerfs/layerfs.ts';
import { flatten } from '../../layerfs/maintenance/flatten.ts';
import { layersToVerify, verifyLayer } from '../../layerfs/maintenance/verify.ts';
import type { Handlers } from '../grpc-handlers.ts';
import { progress, toWireLayer } from './to-wire.ts';
import { withProgress } from './with-progress.ts';

type Works = Pick<Handlers<typeof LayerFsDefinition>, 'verify' | 'flatten' | 'remove'>;

/** The verbs that read or copy whole layers, and the one that takes away what people made. */
export function workHandlers(layerFs: LayerFs): Works {
  return {
    verify: ({ name }, signal) => verify(layerFs, name === '' ? undefined : findLayer(layerFs.graph, name), signal),
    flatten: ({ name, newName }, signal) => copy(layerFs, findLayer(layerFs.graph, name), newName, signal),
    remove: ({ name, force }) => remove(layerFs, name, force),
  };
}

async function* verify(
  layerFs: LayerFs,
  layer: Layer | undefined,
  signal: AbortSignal,
): AsyncGenerator<VerifyResponse> {
  const layers = layersToVerify(layerFs, layer);
  const spaces = await layerFs.store.space(layers, () => []);
  const total = [...spaces.values()].reduce((sum, { own }) => sum + own, 0n);
  let before = 0n;
  for (const each of layers) {
    let bytes = 0n;
    const work = withProgress(signal, (report) => verifyLayer(layerFs, each, { signal, progress: report }));
    let step = await work.next();
    for (; step.done !== true; step = await work.next()) {
      bytes = step.value;
      yield progress(each.name, before + bytes, total);
    }
    if (signal.aborted) return;
    before += spaces.get(each.id)?.own ?? 0n;
    if (step.value === undefined) continue;
    const verified = { layer: toWireLayer(layerFs, each), bytes: spaces.get(each.id)?.own ?? bytes, error: step.value };
    yield { message: { $case: 'layer', layer: verified } };
  }
}

async function* copy(
  layerFs: LayerFs,
  source: Layer,
  newName: string,
  signal: AbortSignal,
): AsyncGenerator<CopyResponse> {
  const { store, graph } = layerFs;
  const space = (await store.space([source], (layer) => graph.ancestors(layer))).get(source.id);
  const total = space === undefined ? 0n : space.own + space.shared;
  const work = withProgress(signal, (report) => flatten(layerFs, source, newName, { signal, progress: report }));
  let step = await work.next();
  for (; step.done !== true; step = await work.next()) yield progress(newName, step.value, total);
  yield { message: { $case: 'layer', layer: toWireLayer(layerFs, step.value) } };
}

async function remove(layerFs: LayerFs, text: string, force: boolean): Promise<{ name: string }> {
  const { name, labels } = findLayer(layerFs.graph, text);
  if (labels[BY_HAND_LABEL] === undefined && !force) {
    throw failedPrecondition(
      `${quote(name)} is containerd's: remove its image or container there (ctr images rm, ctr containers rm), or, if no ` +
        'containerd knows it any more, repeat this with --force',
    );
  }
  await layerFs.remove(name);
  return { name };
}
