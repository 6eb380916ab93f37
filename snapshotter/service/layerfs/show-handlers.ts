import { messageOf } from '../../../common/errors.ts';
import type {
  LayerFsDefinition,
  LayerStats,
  ListedLayer,
  StatResponse,
  StatusResponse,
  Waiting,
} from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { findLayer } from '../../layerfs/find-layer.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { LayerFs } from '../../layerfs/layerfs.ts';
import type { Space } from '../../stores/store.ts';
import { parseFilters } from '../filter.ts';
import type { Handlers } from '../grpc-handlers.ts';
import { fieldsOf } from '../snapshots-service.ts';
import { progress, toWireLayer, toWireSpace } from './to-wire.ts';

export interface Origin {
  readonly version: string;
  /** Why the daemon runs on this store. */
  readonly why: string;
}

type Shows = Pick<Handlers<typeof LayerFsDefinition>, 'status' | 'list' | 'stat' | 'stats'>;

/** The verbs that only look. */
export function showHandlers(layerFs: LayerFs, origin: Origin): Shows {
  return {
    status: () => status(layerFs, origin),
    list: ({ filters, withoutSpace }) => list(layerFs, filters, withoutSpace),
    stat: ({ name }) => stat(layerFs, findLayer(layerFs.graph, name)),
    stats: ({ names }, signal) => stats(layerFs, names, signal),
  };
}

async function status({ store, graph, sweeper, orphans }: LayerFs, { version, why }: Origin): Promise<StatusResponse> {
  const { available, ...space } = await store.totalSpace();
  const layers = graph.layers();
  const count = (kind: Layer['kind']) => BigInt(layers.filter((layer) => layer.kind === kind).length);
  const removed: Waiting[] = sweeper.waiting.map(({ layer, reason = '' }) => ({
    id: layer.id,
    name: layer.name,
    place: store.place(layer),
    reason,
  }));
  return {
    version,
    store: store.kind,
    location: store.location,
    why,
    active: count('active'),
    views: count('view'),
    committed: count('committed'),
    removed,
    orphans: orphans.left.map(({ id, place, reason }) => ({ id, name: '', place, reason })),
    space: toWireSpace(space),
    available,
  };
}

/** A message stays far below gRPC's limit, though labels may be long. */
const LAYERS_PER_MESSAGE = 50;

async function* list(layerFs: LayerFs, filters: readonly string[], withoutSpace: boolean) {
  const { graph, store } = layerFs;
  const matches = await parseFilters(filters);
  const layers = graph.layers().filter((layer) => matches(fieldsOf({ ...layer, parent: graph.parentName(layer) })));
  const space = withoutSpace ? new Map<string, Space>() : await store.space(layers, (layer) => graph.ancestors(layer));
  for (let i = 0; i < layers.length; i += LAYERS_PER_MESSAGE) {
    yield { layers: layers.slice(i, i + LAYERS_PER_MESSAGE).map((layer) => toListed(layerFs, layer, space)) };
  }
}

function toListed(layerFs: LayerFs, layer: Layer, spaces: ReadonlyMap<string, Space>): ListedLayer {
  const space = spaces.get(layer.id);
  return { layer: toWireLayer(layerFs, layer), space: space && toWireSpace(space) };
}

async function stat(layerFs: LayerFs, layer: Layer): Promise<StatResponse> {
  const { graph, store } = layerFs;
  const ancestors = graph.ancestors(layer);
  const space = (await store.space([layer], () => ancestors)).get(layer.id);
  return {
    layer: toWireLayer(layerFs, layer),
    ancestors: ancestors.map(({ name }) => name),
    children: graph.children(layer).map(({ name }) => name),
    space: space && toWireSpace(space),
    mount: layer.kind === 'committed' ? '' : await mountCommand(layerFs, layer),
  };
}

/** How people mount it, as containerd does. */
export async function mountCommand(layerFs: LayerFs, { name }: Layer): Promise<string> {
  const mounts = await layerFs.mounts(name);
  return mounts
    .map(
      ({ type, source, options }) =>
        `mount -t ${type} -o ${quoteWord(options.join(','))} ${quoteWord(source)} DIRECTORY`,
    )
    .join('; ');
}

/** A word that a shell leaves as it is. */
const quoteWord = (word: string) =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

async function* stats(layerFs: LayerFs, names: readonly string[], signal: AbortSignal) {
  const { graph, store } = layerFs;
  const layers = names.length === 0 ? graph.layers() : names.map((name) => findLayer(graph, name));
  const spaces = await store.space(layers, (layer) => graph.ancestors(layer));
  for (const [index, layer] of layers.entries()) {
    if (signal.aborted) return;
    yield progress(layer.name, BigInt(index), BigInt(layers.length));
    yield { message: { $case: 'layer', layer: await layerStats(layerFs, layer, spaces.get(layer.id)) } as const };
  }
}

async function layerStats(layerFs: LayerFs, layer: Layer, space: Space | undefined): Promise<LayerStats> {
  const wire = { layer: toWireLayer(layerFs, layer), space: space && toWireSpace(space) };
  try {
    // Bytes too: of an active layer these count what is not written out yet.
    const { bytes, inodes } = await layerFs.usage(layer.name);
    return { ...wire, space: space && { ...toWireSpace(space), own: bytes }, inodes, error: '' };
  } catch (error) {
    return { ...wire, inodes: 0n, error: messageOf(error) };
  }
}
