import { invalidArgument, notFound } from '../../common/errors.ts';
import { quote, type LayerGraph } from './layer-graph.ts';
import type { Layer } from './layer.ts';
import { shortName } from './short-name.ts';

/** More say nothing to whoever reads them. */
const MAX_CANDIDATES = 5;

/** containerd puts its namespace and a number before the key that people know: core/metadata/snapshot.go. */
const CONTAINERD_PREFIX = /^[^/]+\/\d+\//;

/** From what is surely meant to what may be. */
const WAYS: readonly ((name: string, text: string) => boolean)[] = [
  (name, text) => shortName(name) === text,
  (name, text) => {
    const key = name.replace(CONTAINERD_PREFIX, '');
    return key === text || shortName(key) === text;
  },
  (name, text) => name.startsWith(text) || name.replace(CONTAINERD_PREFIX, '').startsWith(text),
];

/**
 * The layer that people mean: by its name, by its name without the rest of a digest, by containerd's key, such as a
 * container's id, or by any beginning of these that no other layer has.
 * @throws StatusError NotFound; InvalidArgument if several could be meant.
 */
export function findLayer(graph: LayerGraph, text: string): Layer {
  if (text === '') throw invalidArgument('name is empty: `proxmox-lxcri layerfs ls` lists the names');
  if (graph.has(text)) return graph.get(text);
  const meant = layersMeant(graph.layers(), text);
  const [first, second] = meant;
  if (first === undefined) {
    throw notFound(`layer ${quote(text)} does not exist: \`proxmox-lxcri layerfs ls\` lists those that do`);
  }
  if (second === undefined) return first;
  const names = meant.slice(0, MAX_CANDIDATES).map(({ name }) => quote(name));
  throw invalidArgument(
    `name ${quote(text)} may be ${meant.length} layers: ${names.join(', ')}${meant.length > MAX_CANDIDATES ? ', …' : ''}; write more of it`,
  );
}

function layersMeant(layers: readonly Layer[], text: string): readonly Layer[] {
  for (const matches of WAYS) {
    const found = layers.filter(({ name }) => matches(name, text));
    if (found.length > 0) return found;
  }
  return [];
}
